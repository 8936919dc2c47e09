"""Positions of the tiles of an image: integer geometry, shared by service and evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass

from hiir.imaging.region import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One tile of the plan: its position in the grid and its pixels."""

    row: int
    column: int
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The pixel rows of one row of tiles, or the pixel columns of one column of tiles."""

    start: int
    size: int

    @property
    def end(self) -> int:
        """The first pixel after the span."""
        return self.start + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlan:
    """Tiles that cover an image, or a region of it, in row-major order.

    The last tiles may extend beyond the image, which must be padded to them.
    """

    rows: tuple[Span, ...]
    """From top to bottom."""
    columns: tuple[Span, ...]
    """From left to right."""

    @property
    def top(self) -> int:
        """First pixel row that the tiles cover; 0 unless they cover a region."""
        return self.rows[0].start

    @property
    def left(self) -> int:
        """First pixel column that the tiles cover; 0 unless they cover a region."""
        return self.columns[0].start

    @property
    def height(self) -> int:
        """Number of pixel rows that the tiles cover."""
        return self.rows[-1].end - self.top

    @property
    def width(self) -> int:
        """Number of pixel columns that the tiles cover."""
        return self.columns[-1].end - self.left

    def pixels_inside(self, *, height: int, width: int) -> int:
        """Count the pixels of an image of this size that the tiles cover, without padding."""
        return min(self.height, height - self.top) * min(self.width, width - self.left)

    def covering(self, region: Region) -> "TilePlan":
        """Return the plan of the tiles that contribute to a region of the image.

        They keep their positions in the whole plan, so that a restored region has the same values
        as in the whole image.
        """
        return TilePlan(
            rows=_crossing(self.rows, region.top, region.bottom),
            columns=_crossing(self.columns, region.left, region.right),
        )

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[Tile]:
        for row, down in enumerate(self.rows):
            for column, across in enumerate(self.columns):
                yield Tile(
                    row=row,
                    column=column,
                    top=down.start,
                    left=across.start,
                    height=down.size,
                    width=across.size,
                )


def plan_tiles(
    *, height: int, width: int, tile: int, overlap: int, multiple: int | None = None
) -> TilePlan:
    """Cover a ``height`` x ``width`` image with the fewest tiles, as small as possible.

    The positions are spread evenly: the number of tiles is that of a fixed stride, and all seams
    share the slack instead of only the last.

    Args:
        height: height of the image in pixels.
        width: width of the image in pixels.
        tile: maximum side of a tile in pixels.
        overlap: minimum overlap of neighbors in pixels.
        multiple: divisor of the tiles' sides, which are as large as the image needs; by default all
            tiles are ``tile`` x ``tile``.

    Raises:
        ValueError: if the image is empty, ``tile`` is not a multiple of ``multiple``, or
            ``overlap`` is not less than ``tile``.
    """
    unit = tile if multiple is None else multiple
    if tile < 1 or unit < 1 or tile % unit:
        raise ValueError(f"tile {tile} must be a positive multiple of {unit}")
    if not 0 <= overlap < tile:
        raise ValueError(f"overlap {overlap} must be at least 0 and less than tile {tile}")
    if height < 1 or width < 1:
        raise ValueError(f"a {width}x{height} image has no pixels for a tile")
    return TilePlan(
        rows=_spans(height, tile=tile, overlap=overlap, unit=unit),
        columns=_spans(width, tile=tile, overlap=overlap, unit=unit),
    )


def _spans(length: int, *, tile: int, overlap: int, unit: int) -> tuple[Span, ...]:
    count = max(_divide_up(length - overlap, tile - overlap), 1)
    units = _divide_up(length + (count - 1) * overlap, unit)
    sizes = [unit * (units // count + (index < units % count)) for index in range(count)]
    shared = sum(sizes) - length
    if count == 1:
        return (Span(start=0, size=sizes[0]),)
    # Rounded up, so that every pair of neighbors shares at least its part, a whole number of
    # pixels.
    return tuple(
        Span(start=sum(sizes[:index]) - _divide_up(shared * index, count - 1), size=size)
        for index, size in enumerate(sizes)
    )


def _crossing(spans: tuple[Span, ...], start: int, end: int) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.start < end and span.end > start)


def _divide_up(value: int, divisor: int) -> int:
    return -(-value // divisor)
