"""From stored values to light, in which lenses and shutters blur, and back."""

from functools import reduce

import numpy as np

from hiir.imaging import FloatPixels

__all__ = ["light_from_values", "values_from_light"]

_SATURATED = 0.9  # stored value above which a sensor may have clipped


def light_from_values(image: FloatPixels, *, gamma: float, highlights: float = 1.0) -> FloatPixels:
    """Undo gamma, and guess what the file clipped.

    Saturated lights were brighter than white. Blurred as white they turn gray; as bright as they
    were they draw the streaks and disks of real photos.

    Args:
        image: ``(H, W, C)`` float32; clipped to [0, 1].
        gamma: exponent from stored values to light; 1 keeps the stored values.
        highlights: light of a saturated pixel, 1 or more; it rises smoothly from stored values of
            0.9 of the brightest channel on, and keeps the color.

    Returns:
        ``(H, W, C)`` float32 from 0 to `highlights`.
    """
    values = np.clip(image, 0, 1)
    light = values ** np.float32(gamma)
    if highlights > 1:
        # Over a last axis of 3 samples `max` takes 18 times as long.
        brightest = reduce(np.maximum, np.moveaxis(values, 2, 0))[..., None]
        saturated = np.maximum(brightest - _SATURATED, 0) / np.float32(1 - _SATURATED)
        light = light * (1 + np.float32(highlights - 1) * saturated**2)
    return np.asarray(light, np.float32)


def values_from_light(light: FloatPixels, *, gamma: float) -> FloatPixels:
    """Clip light as a sensor does, to [0, 1], and apply gamma: ``(H, W, C)`` float32 [0, 1]."""
    return np.asarray(np.clip(light, 0, 1) ** np.float32(1 / gamma), np.float32)
