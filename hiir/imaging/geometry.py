"""Where the tiles of an image lie: pure integer geometry, shared by service and evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One square of the plan: its place in the grid and its top left pixel."""

    row: int
    column: int
    top: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlan:
    """Square tiles of one size which together cover an image, in row-major order."""

    height: int
    width: int
    tile: int
    tops: tuple[int, ...]
    """First pixel row of each row of tiles, ascending."""
    lefts: tuple[int, ...]
    """First pixel column of each column of tiles, ascending."""

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)

    def __iter__(self) -> Iterator[Tile]:
        for row, top in enumerate(self.tops):
            for column, left in enumerate(self.lefts):
                yield Tile(row=row, column=column, top=top, left=left)


def plan_tiles(*, height: int, width: int, tile: int, overlap: int) -> TilePlan:
    """Cover a `height` x `width` image with the fewest tiles that overlap by at least `overlap`.

    Every tile has full size, because the server batches only equal shapes, and the last one of an
    axis ends at the image's border. The positions in between are spread evenly rather than at a
    fixed stride: the number of tiles is the same, and all seams share the slack instead of only
    the last. The image must be at least one tile high and wide (see `padding`).

    Raises `ValueError` where these conditions do not hold.
    """
    if tile < 1 or not 0 <= overlap < tile:
        raise ValueError(f"overlap {overlap} must be at least 0 and less than tile {tile}")
    if height < tile or width < tile:
        raise ValueError(f"a {width}x{height} image is smaller than a {tile} px tile: pad it")
    return TilePlan(
        height=height,
        width=width,
        tile=tile,
        tops=_spread(height, tile=tile, overlap=overlap),
        lefts=_spread(width, tile=tile, overlap=overlap),
    )


def _spread(length: int, *, tile: int, overlap: int) -> tuple[int, ...]:
    travel = length - tile
    steps = -(-travel // (tile - overlap))
    # travel / steps <= tile - overlap, which is whole: rounding down never widens a step beyond it.
    return tuple(travel * step // max(steps, 1) for step in range(steps + 1))
