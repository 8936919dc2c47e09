"""Blur of a photo: only a hint, because soft and blurred scenes have the same value.

Provenance: Crete, Dolmiere, Ladret and Nicolas, "The blur effect: perception and estimation with a
new no-reference perceptual blur metric", 2007: the sharper an image is, the more blurring removes
from it. `skimage.measure.blur_effect` is the same measure, but not a dependency of the service.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hiir.imaging.analysis.measurement import Measurement, ramp
from hiir.imaging.pixels import FloatPixels

__all__ = ["BLURRED", "measure_blur"]

BLURRED = 0.5
"""Threshold from which a photo may be blurred: a Gaussian of deviation 1.5 gives 0.41 to 0.63."""

_BOX = 11
_SHARP, _SOFT = 0.3, 0.7


def measure_blur(strips: Sequence[FloatPixels]) -> Measurement:
    """Measure the blur of strips ``(h, W, C)`` float32 [0, 1].

    Returns:
        0 (sharp) to 1 (blurred), in the more blurred direction. The value and the confidence are 0
        for an image of a single color, and for one smaller than the box of 11 pixels.
    """
    gray = [strip.mean(axis=2) for strip in strips]
    gray = [plane for plane in gray if min(plane.shape) > _BOX + 2]
    found = [_of_rows(gray), _of_rows([plane.T for plane in gray])]
    if None in found:
        return Measurement(value=0.0, confidence=0.0)
    value = max(blur for blur in found if blur is not None)
    blurred = ramp(value, low=_SHARP, high=_SOFT)
    return Measurement(value=value, confidence=max(blurred, 1 - blurred))


def _of_rows(planes: Sequence[npt.NDArray[np.float32]]) -> float | None:
    """Return the share of the gradients along the rows that a box filter keeps.

    Returns None if there are no gradients.
    """
    before = lost = 0.0
    for plane in planes:
        sharp = np.abs(_sobel(plane))
        soft = np.abs(_sobel(_box(plane)))
        inside = slice(2, -2)
        before += float(sharp[inside, inside].sum())
        lost += float(np.maximum(sharp - soft, 0)[inside, inside].sum())
    return (before - lost) / before if before > 0 else None


def _box(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean of 11 pixels along the rows."""
    reach = _BOX // 2
    padded = np.pad(plane, ((0, 0), (reach + 1, reach)), mode="symmetric")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    return ((sums[:, _BOX:] - sums[:, :-_BOX]) / _BOX).astype(np.float32)


def _sobel(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the gradient along the rows, without the border of one pixel."""
    smooth = plane[:-2] + 2 * plane[1:-1] + plane[2:]
    gradient: npt.NDArray[np.float32] = (smooth[:, 2:] - smooth[:, :-2]) / 8
    return gradient
