"""Blocks of 8 x 8 pixels for noise measurements."""

import numpy.typing as npt
from numpy import float32

from hiir.imaging.pixels import FloatPixels

__all__ = ["BLOCK", "LEAST_BLOCKS", "unclipped_blocks"]

BLOCK = 8
LEAST_BLOCKS = 16
"""A photo with fewer blocks cannot be measured."""

# Blocks in which a larger share of the samples is close to black or white do not show their noise.
_CLIPPED_SHARE = 0.3
_MARGIN = 2.5 / 255


def unclipped_blocks(image: FloatPixels) -> npt.NDArray[float32]:
    """Cut ``(H, W, C)`` float32 [0, 1] into blocks.

    Returns:
        ``(N, 8, 8, C)``: all complete blocks except those that are mostly black or white.
    """
    rows, columns = (side // BLOCK for side in image.shape[:2])
    channels = image.shape[2]
    whole = image[: rows * BLOCK, : columns * BLOCK]
    cells = whole.reshape(rows, BLOCK, columns, BLOCK, channels)
    blocks = cells.transpose(0, 2, 1, 3, 4).reshape(rows * columns, BLOCK, BLOCK, channels)
    clipped = ((blocks < _MARGIN) | (blocks > 1 - _MARGIN)).mean(axis=(1, 2, 3))
    kept: npt.NDArray[float32] = blocks[clipped <= _CLIPPED_SHARE]
    return kept
