"""The noise level that is an input of the network in training."""

import numpy as np

from hiir.degradations.noise import noise_level
from hiir.imaging import FloatPixels, estimate_noise_level

__all__ = ["ESTIMATED_SHARE", "LEVEL_ERROR", "conditioning_noise_level"]

LEVEL_ERROR = 0.1
"""Maximum relative error of the true level in training."""

ESTIMATED_SHARE = 0.75
"""Share of training images whose level is estimated."""


def conditioning_noise_level(
    degraded: FloatPixels, clean: FloatPixels, random: np.random.Generator
) -> float:
    """Return the noise level that is an input of the network in training, on the scale of 255.

    For `ESTIMATED_SHARE` of the images it is estimated from the degraded image, as the service does
    without `noise_level`; the network learns which texture the estimate mistakes for noise. For the
    others it is the true level with a relative error of up to `LEVEL_ERROR`, as a user would enter
    it.

    Args:
        degraded: ``(H, W, C)`` float32, not clipped.
        clean: ``(H, W, C)`` float32 [0, 1].
        random: generator of the choice and of the error.
    """
    if random.random() < ESTIMATED_SHARE:
        return estimate_noise_level(degraded)
    error = float(random.uniform(1 - LEVEL_ERROR, 1 + LEVEL_ERROR))
    return noise_level(degraded, clean) * error
