"""Detection of drawings and screenshots, in which few colors cover most pixels."""

from collections.abc import Sequence

import numpy as np

from hiir.imaging.analysis.measurement import Measurement, ramp
from hiir.imaging.pixels import FloatPixels

__all__ = ["measure_drawing"]

_COLORS = 8
_PHOTO, _DRAWN = 0.35, 0.65


def measure_drawing(strips: Sequence[FloatPixels]) -> Measurement:
    """Measure the share of the eight most frequent colors in strips ``(h, W, C)`` float32 [0, 1].

    Returns:
        The share, and the confidence that the picture is a drawing: photos have 0.01 to 0.2, photos
            with large black or white areas up to 0.5, and drawings 0.8 and more.
    """
    codes = np.concatenate([_codes(strip) for strip in strips])
    _, counts = np.unique(codes, return_counts=True)
    share = float(np.sort(counts)[-_COLORS:].sum() / len(codes))
    return Measurement(value=share, confidence=ramp(share, low=_PHOTO, high=_DRAWN))


def _codes(strip: FloatPixels) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Encode each pixel's color, with 8 bits per channel, as one number."""
    levels = np.rint(strip * 255).astype(np.uint32).reshape(-1, strip.shape[2])
    codes = np.zeros(len(levels), np.uint32)
    for channel in range(levels.shape[1]):
        codes = codes << 8 | levels[:, channel]
    return codes
