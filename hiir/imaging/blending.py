"""Blending of overlapping tiles into finished rows, with cosine weights and bounded memory.

Tiles are blended by `a + w * (b - a)` instead of dividing weighted sums: where both tiles agree,
the result is exactly their value, so that tiling itself never changes a pixel.
"""

from dataclasses import dataclass

import numpy as np

from hiir.imaging.geometry import TilePlan
from hiir.imaging.pixels import FloatPixels


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBand:
    """Finished rows of the output, from row `top` down."""

    top: int
    rows: FloatPixels
    """`(n, W * scale, C)` float32, where the plan covers W columns."""


class RowBlender:
    """Accepts the tiles of a plan in order and returns each band of rows once it is final.

    At most two rows of tiles are in memory: the current one and the lower part of the previous one.
    All positions are scaled by `scale`, for models that enlarge.
    """

    def __init__(self, *, plan: TilePlan, scale: int, channels: int) -> None:
        self._places = iter(plan)
        self._place = next(self._places, None)
        self._plan = plan
        self._scale = scale
        self._channels = channels
        self._width = plan.width * scale
        self._strip = self._empty(0)
        self._tail = self._empty(0)

    def add(self, tile: FloatPixels) -> RowBand | None:
        """Blend the next `(height, width, C)` float32 tile, whose sides are scaled.

        Returns:
            A band of rows if one is final, otherwise None.

        Raises:
            ValueError: if the tile has another shape, or the plan has no more tiles.
        """
        place = self._place
        if place is None:
            raise ValueError("the plan has no more tiles")
        expected = (place.height * self._scale, place.width * self._scale, self._channels)
        if tile.shape != expected:
            raise ValueError(f"expected a tile of shape {expected}, got {tile.shape}")
        if place.column == 0:
            self._strip = self._empty(expected[0])
        self._join_column(tile, place.column)
        self._place = next(self._places, None)
        if place.column < len(self._plan.columns) - 1:
            return None
        return self._finish_row(place.row)

    def _join_column(self, tile: FloatPixels, column: int) -> None:
        columns, scale = self._plan.columns, self._scale
        origin = self._plan.left
        left = (columns[column].start - origin) * scale
        covered = (columns[column - 1].end - origin) * scale if column else left
        shared = covered - left
        ramp = _feather(shared)[np.newaxis, :, np.newaxis]
        _lerp_into(self._strip[:, left:covered], tile[:, :shared], ramp)
        end = (columns[column].end - origin) * scale
        self._strip[:, covered:end] = tile[:, shared:]

    def _finish_row(self, row: int) -> RowBand:
        strip, tail = self._strip, self._tail
        shared = len(tail)
        if shared:
            # The blend goes towards the new row but is written to its own strip, because the old
            # rows end here.
            _lerp_into(tail, strip[:shared], _feather(shared)[:, np.newaxis, np.newaxis])
            strip[:shared] = tail
        rows, scale = self._plan.rows, self._scale
        top = rows[row].start * scale
        end = (rows[row + 1].start if row < len(rows) - 1 else rows[row].end) * scale
        self._tail = strip[end - top :].copy()
        return RowBand(top=top, rows=strip[: end - top])

    def _empty(self, rows: int) -> FloatPixels:
        return np.empty((rows, self._width, self._channels), np.float32)


def _lerp_into(old: FloatPixels, new: FloatPixels, weight: FloatPixels) -> None:
    step = new - old
    step *= weight
    old += step


def _feather(length: int) -> FloatPixels:
    """Return the weights of the later tile across the overlap, `(length,)` from 0 to 1.

    They are half a cosine wave over the middle half. The outer quarters use only one tile, because
    the pixels closest to a tile's border have the least context.
    """
    position = (np.arange(length) + 0.5) / max(length, 1)
    phase = np.clip(2 * position - 0.5, 0, 1)
    weights: FloatPixels = (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)
    return weights
