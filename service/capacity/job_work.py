"""The parts of a job that take time, and a prediction of it from the durations of earlier jobs."""

from collections.abc import Mapping
from dataclasses import dataclass

from hiir.imaging import TilePlan

_LEAST_PIXELS = 1_000_000
"""A file with fewer pixels takes about as long as one with this number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileWork:
    """The tiles of one step."""

    model_sha256: str
    any_size: bool
    """Whether the model's server accepts tiles of any size."""
    pixels: int
    """Pixels of all tiles, including overlaps and padding."""

    @property
    def name(self) -> str:
        """Name under which `ThroughputStore` keeps the average of these tiles."""
        return tiles_name(self.model_sha256, any_size=self.any_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWork:
    """The parts of a job, named as in `ThroughputStore`."""

    steps: tuple[TileWork, ...]
    read_format: str
    """Format of the upload."""
    read_pixels: int
    written_format: str
    """Format of the result."""
    written_pixels: int

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """Name and number of pixels of each part: the tiles of each step, reading, and writing."""
        return (
            *((step.name, step.pixels) for step in self.steps),
            (f"read:{self.read_format}", max(self.read_pixels, _LEAST_PIXELS)),
            (f"written:{self.written_format}", max(self.written_pixels, _LEAST_PIXELS)),
        )

    def seconds(self, paces: Mapping[str, float]) -> float | None:
        """Predict the seconds from start to end.

        Args:
            paces: seconds per megapixel, by the name of the part. A format that is missing counts
                as 0.

        Returns:
            The seconds; None before the first job of a model.
        """
        if any(step.name not in paces for step in self.steps):
            return None
        return sum(paces.get(name, 0.0) * pixels for name, pixels in self.parts) / 1e6


def tiles_name(model_sha256: str, *, any_size: bool) -> str:
    """Return the name of the average over the tiles of a model."""
    return f"tiles:{'any' if any_size else 'fixed'}:{model_sha256}"


def tile_pixels(plan: TilePlan) -> int:
    """Count the pixels of all tiles of a plan."""
    return sum(tile.height * tile.width for tile in plan)
