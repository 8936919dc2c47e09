"""Where the tiles of an image lie: pure integer geometry, shared by service and evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass

from hiir.imaging.region import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One tile of the plan: its place in the grid and its pixels."""

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
        """The first pixel behind it."""
        return self.start + self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlan:
    """Tiles which together cover an image, or a region of it, in row-major order.

    The last tiles may end beyond the image, which has to be padded as far.
    """

    rows: tuple[Span, ...]
    """From top to bottom."""
    columns: tuple[Span, ...]
    """From left to right."""

    @property
    def top(self) -> int:
        """First pixel row that the tiles cover: 0 unless they cover a region."""
        return self.rows[0].start

    @property
    def left(self) -> int:
        """First pixel column that the tiles cover: 0 unless they cover a region."""
        return self.columns[0].start

    @property
    def height(self) -> int:
        """Pixel rows that the tiles cover."""
        return self.rows[-1].end - self.top

    @property
    def width(self) -> int:
        """Pixel columns that the tiles cover."""
        return self.columns[-1].end - self.left

    def pixels_inside(self, *, height: int, width: int) -> int:
        """Count the pixels of an image of this size that the tiles cover, without padding."""
        return min(self.height, height - self.top) * min(self.width, width - self.left)

    def covering(self, region: Region) -> "TilePlan":
        """Return the plan of the tiles that have a say in a region of the image.

        They lie where they lie in the whole plan, so that a region of the restored image has the
        values that it has without the other tiles.
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
    """Cover a ``height`` x ``width`` image with the fewest tiles, and these with the fewest pixels.

    The positions are spread evenly: the number of tiles is that of a fixed stride, and all seams
    share the slack instead of only the last.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        tile: largest side of a tile.
        overlap: pixels that neighbors share, at least.
        multiple: sides of tiles are multiples of it, as large as the image needs; unless given,
            all tiles are ``tile`` x ``tile``.

    Raises:
        ValueError: for an empty image, a ``tile`` that is not a multiple of ``multiple``, or an
            ``overlap`` that is not less than ``tile``.
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
    # Rounded up, so that no pair of neighbors shares less than its part, which is whole.
    return tuple(
        Span(start=sum(sizes[:index]) - _divide_up(shared * index, count - 1), size=size)
        for index, size in enumerate(sizes)
    )


def _crossing(spans: tuple[Span, ...], start: int, end: int) -> tuple[Span, ...]:
    return tuple(span for span in spans if span.start < end and span.end > start)


def _divide_up(value: int, divisor: int) -> int:
    return -(-value // divisor)
