"""The noise level that a network gets as an input in training."""

import numpy as np

from hiir.degradations.noise import noise_level
from hiir.imaging import FloatPixels, estimate_noise_level

__all__ = ["ESTIMATED_SHARE", "LEVEL_ERROR", "conditioning_noise_level"]

LEVEL_ERROR = 0.1
"""Relative error of the true level where training tells that."""

ESTIMATED_SHARE = 0.75
"""Share of images for which training tells an estimate instead of the true level."""


def conditioning_noise_level(
    degraded: FloatPixels, clean: FloatPixels, random: np.random.Generator
) -> float:
    """The noise level that a network gets as an input in training, on the scale of 255.

    Three times in four what a service that knows nothing else estimates from the degraded image:
    the network learns which texture the estimate mistakes for noise. Else the true level with an
    error of up to `LEVEL_ERROR`, as users know it.
    """
    if random.random() < ESTIMATED_SHARE:
        return estimate_noise_level(degraded)
    error = float(random.uniform(1 - LEVEL_ERROR, 1 + LEVEL_ERROR))
    return noise_level(degraded, clean) * error
