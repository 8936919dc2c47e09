"""What of a job takes time, and how long it is going to take by what earlier jobs have taken."""

from collections.abc import Mapping
from dataclasses import dataclass

from hiir.imaging import TilePlan

_LEAST_PIXELS = 1_000_000
"""A file of fewer pixels takes about as long as one of so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileWork:
    """The tiles of one step."""

    model_sha256: str
    any_size: bool
    """Whether the model is served for tiles of any size."""
    pixels: int
    """Pixels of all tiles, with those that they share and those of the padding."""

    @property
    def name(self) -> str:
        """Name under which `ThroughputStore` keeps the average."""
        return tiles_name(self.model_sha256, any_size=self.any_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWork:
    """The parts of a job. Their names are those under which `ThroughputStore` keeps averages."""

    steps: tuple[TileWork, ...]
    read_format: str
    """Format of the upload."""
    read_pixels: int
    written_format: str
    """Format of the result."""
    written_pixels: int

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """Name and pixels of each step's tiles, of reading and of writing."""
        return (
            *((step.name, step.pixels) for step in self.steps),
            (f"read:{self.read_format}", max(self.read_pixels, _LEAST_PIXELS)),
            (f"written:{self.written_format}", max(self.written_pixels, _LEAST_PIXELS)),
        )

    def seconds(self, paces: Mapping[str, float]) -> float | None:
        """Predict the seconds from start to end; None before a model's first job.

        `paces` are seconds per megapixel, by the name of the part; a file's format without any
        counts as 0.
        """
        if any(step.name not in paces for step in self.steps):
            return None
        return sum(paces.get(name, 0.0) * pixels for name, pixels in self.parts) / 1e6


def tiles_name(model_sha256: str, *, any_size: bool) -> str:
    """Return the name of the average over tiles of a model."""
    return f"tiles:{'any' if any_size else 'fixed'}:{model_sha256}"


def tile_pixels(plan: TilePlan) -> int:
    """Count the pixels of all tiles of a plan."""
    return sum(tile.height * tile.width for tile in plan)
