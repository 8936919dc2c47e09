"""The noise level that a network is told, as a plane beside the image (FFDNet, DRUNet).

Provenance: Zhang, Zuo and Zhang, "FFDNet: Toward a fast and flexible solution for CNN based image
denoising", 2018, section III-B: the level map has the image's size and holds sigma / 255.
"""

import numpy as np

from hiir.imaging import FloatPixels

__all__ = ["LEVEL_ERROR", "append_level", "tell_level"]

LEVEL_ERROR = 0.1
"""Relative error of the level that training tells, so that an estimate serves as well."""


def tell_level(level: float, random: np.random.Generator) -> float:
    """The level with an error of up to `LEVEL_ERROR`."""
    return level * float(random.uniform(1 - LEVEL_ERROR, 1 + LEVEL_ERROR))


def append_level(image: FloatPixels, level: float) -> FloatPixels:
    """Append a plane of ``level / 255``: ``(H, W, C)`` float32 to ``(H, W, C + 1)``."""
    plane = np.full((*image.shape[:2], 1), level / 255, np.float32)
    return np.concatenate([image, plane], axis=2)
