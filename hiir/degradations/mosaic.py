"""Bayer mosaics made from photos; `hiir.imaging.demosaic_malvar` is the inverse."""

import numpy as np

from hiir.imaging import BayerPattern, FloatPixels

__all__ = ["mosaic"]


def mosaic(image: FloatPixels, pattern: BayerPattern) -> FloatPixels:
    """Keep one color per pixel: ``(H, W, 3)`` float32 to ``(H, W, 1)`` float32."""
    kept = np.empty((*image.shape[:2], 1), np.float32)
    for place, color in enumerate(pattern.value):
        row, column = divmod(place, 2)
        kept[row::2, column::2, 0] = image[row::2, column::2, "rgb".index(color)]
    return kept
