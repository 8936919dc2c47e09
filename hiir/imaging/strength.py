"""Strength of a restoration: a blend of the model's output and its input."""

import numpy as np

from hiir.imaging.pixels import FloatPixels

__all__ = ["blend", "enlarge"]


def blend(before: FloatPixels, after: FloatPixels, *, strength: float) -> FloatPixels:
    """Return ``before + strength * (after - before)`` in float32.

    Args:
        before: ``(h, w, C)`` float32 [0, 1], the input of the model.
        after: ``(h * scale, w * scale, C)`` float32, its result. The input is enlarged for a
            ``scale`` above 1.
        strength: share of the result, in [0, 1]. At 0 the blend is ``before`` bit for bit; at 1 it
            is ``after`` except for the rounding of float32.
    """
    scale = after.shape[0] // before.shape[0]
    if scale > 1:
        before = enlarge(before, scale)
    blended = after - before
    blended *= np.float32(strength)
    blended += before
    return blended


def enlarge(image: FloatPixels, scale: int) -> FloatPixels:
    """Enlarge ``(h, w, C)`` float32 bicubically (a = -0.5) to ``(h * scale, w * scale, C)``."""
    from PIL import Image  # noqa: PLC0415 - tiles are cut where Pillow is not installed, too

    size = (image.shape[1] * scale, image.shape[0] * scale)
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(image[..., channel])).resize(
                size, Image.Resampling.BICUBIC
            )
        )
        for channel in range(image.shape[2])
    ]
    return np.stack(planes, axis=2)
