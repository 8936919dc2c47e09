"""The noise level as an input of a network: a constant plane that is appended to the image.

Provenance: Zhang, Zuo and Zhang, "FFDNet: Toward a fast and flexible solution for CNN based image
denoising", 2018, section III-B: the level map has the image's size and holds sigma / 255.
"""

from typing import Any

import numpy as np

from hiir.imaging.pixels import FloatPixels, PixelRows, to_unit

__all__ = ["MAX_NOISE_LEVEL", "RowsWithLevel", "append_level"]

MAX_NOISE_LEVEL = 75.0
"""Highest level that networks are trained for, on the scale of 255."""


def append_level(image: FloatPixels, level: float) -> FloatPixels:
    """Append a plane of ``level / 255``: ``(H, W, C)`` float32 to ``(H, W, C + 1)``."""
    plane = np.full((*image.shape[:2], 1), level / 255, np.float32)
    return np.concatenate([image, plane], axis=2)


class RowsWithLevel:
    """Rows of an image with a plane that holds the noise level (a `PixelRows`).

    The rows are float32, because eight bits would round the level to whole numbers.
    """

    def __init__(self, rows: PixelRows, level: float, *, channels: int) -> None:
        """Wrap the rows.

        Args:
            rows: ``(H, W, C)`` uint8, uint16 or float32 [0, 1].
            level: noise level on the scale of 255.
            channels: number of image channels; gray is repeated.
        """
        self._rows = rows
        self._level = min(level, MAX_NOISE_LEVEL)
        self._channels = channels
        self.shape = (*rows.shape[:2], channels + 1)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, rows: slice) -> Any:
        """Return the rows as ``(n, W, C + 1)`` float32 [0, 1]."""
        pixels = self._rows[rows]
        image = pixels if pixels.dtype == np.float32 else to_unit(pixels)
        if image.shape[2] < self._channels:
            image = np.repeat(image, self._channels, axis=2)
        return append_level(image, self._level)
