"""The noise level that a network is told, as a plane beside the image (FFDNet, DRUNet).

Provenance: Zhang, Zuo and Zhang, "FFDNet: Toward a fast and flexible solution for CNN based image
denoising", 2018, section III-B: the level map has the image's size and holds sigma / 255.
"""

import numpy as np

from hiir.degradations.noise import noise_level
from hiir.imaging import FloatPixels, estimate_noise_level

__all__ = ["ESTIMATED_SHARE", "LEVEL_ERROR", "append_level", "tell_level"]

LEVEL_ERROR = 0.1
"""Relative error of the true level where training tells that."""

ESTIMATED_SHARE = 0.5
"""Share of images for which training tells an estimate instead of the true level."""


def tell_level(degraded: FloatPixels, clean: FloatPixels, random: np.random.Generator) -> float:
    """The level that a network is told in training, on the scale of 255.

    Half of the time what a service that knows nothing else estimates from the degraded image, half
    of the time the true level with an error of up to `LEVEL_ERROR`, as users know it.
    """
    if random.random() < ESTIMATED_SHARE:
        return estimate_noise_level(degraded)
    error = float(random.uniform(1 - LEVEL_ERROR, 1 + LEVEL_ERROR))
    return noise_level(degraded, clean) * error


def append_level(image: FloatPixels, level: float) -> FloatPixels:
    """Append a plane of ``level / 255``: ``(H, W, C)`` float32 to ``(H, W, C + 1)``."""
    plane = np.full((*image.shape[:2], 1), level / 255, np.float32)
    return np.concatenate([image, plane], axis=2)
