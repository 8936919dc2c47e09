"""Strips of a photo of any size, which measurements are made on."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hiir.imaging.pixels import FloatPixels, PixelRows, to_unit

__all__ = ["STRIP_ROWS", "sample_strips"]

STRIP_ROWS = 64
_GRID = 8
"""Strips begin at multiples of this: the side of the blocks that JPEG transforms."""
_PIXELS = 2_000_000


def sample_strips(rows: PixelRows) -> list[FloatPixels]:
    """Read about two megapixels, in strips that are spread evenly over a photo.

    Args:
        rows: ``(H, W, C)`` uint8, uint16 or float32 [0, 1], which may be stored in a file.

    Returns:
        Strips ``(64, W, C)`` float32 on the scale of [0, 1]; for a small photo the whole image,
        ``(H, W, C)``.
    """
    height, width, _ = rows.shape
    count = max(_PIXELS // (STRIP_ROWS * width), 1)
    if count * STRIP_ROWS >= height:
        return [_as_float(rows[:height])]
    tops = np.linspace(0, height - STRIP_ROWS, count).astype(int) // _GRID * _GRID
    return [_as_float(rows[top : top + STRIP_ROWS]) for top in tops.tolist()]


def _as_float(pixels: npt.NDArray[Any]) -> FloatPixels:
    return pixels if pixels.dtype == np.float32 else to_unit(pixels)
