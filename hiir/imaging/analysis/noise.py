"""Noise level of a photo, and its distinction from texture, which has the same deviation.

Three properties distinguish noise from texture, each measured in the flattest blocks of 8 x 8
pixels:

- noise is uniform: the flattest blocks deviate nearly as much as the median one (uniformity);
- noise is white: adjacent pixels differ as much as pixels two apart, while photos are smooth
  (whiteness);
- noise is colored: the channels deviate independently, while textures vary in brightness (color).
  This is measured at half the resolution, at which JPEG stores colors.

Noise is uniform, and white or colored. JPEG of low quality removes both whiteness and color, so
that for such files only uniformity, with a higher bound, decides. The bounds were chosen on photos
without noise and with white Gaussian noise of 10 and 25: docs/13-analysis.md has the figures.
"""

import numpy as np
import numpy.typing as npt

from hiir.imaging.analysis.measurement import Measurement, ramp
from hiir.imaging.blocks import BLOCK, LEAST_BLOCKS, unclipped_blocks
from hiir.imaging.noise_estimate import estimate_noise_level
from hiir.imaging.pixels import FloatPixels

__all__ = ["measure_noise"]

# Share of the blocks, the flattest ones, that are compared with the median one of a third.
_FLATTEST, _MEDIAN = 0.05, 0.33
_LOOKED_AT = 0.25
# Deviation that noise may have in addition to that of rounding.
_ROUNDING = 0.1 / 255
# Between these bounds the confidence increases from 0 to 1.
_UNIFORM, _UNIFORM_AFTER_JPEG = (0.20, 0.36), (0.28, 0.44)
_WHITE = (0.75, 0.95)
_COLORED = (3.0 / 255, 7.0 / 255)


def measure_noise(image: FloatPixels, *, compressed: bool) -> Measurement:
    """Measure the standard deviation of a photo's noise on the scale of 255.

    Args:
        image: ``(H, W, C)`` float32 [0, 1], gray or RGB.
        compressed: whether JPEG of low quality has removed the fine structure and the color of the
            noise.

    Returns:
        The standard deviation, and the confidence that it is noise rather than texture; 0 and 0 if
        fewer than 16 blocks are neither black nor white.
    """
    blocks = unclipped_blocks(image)
    if len(blocks) < LEAST_BLOCKS:
        return Measurement(value=0.0, confidence=0.0)
    variance = blocks.var(axis=(1, 2)).mean(axis=-1)
    order = np.argsort(variance)
    flattest, median = variance[order[[int(_FLATTEST * len(order)), int(_MEDIAN * len(order))]]]
    uniformity = float(flattest / (median + _ROUNDING**2))
    if compressed:
        low, high = _UNIFORM_AFTER_JPEG
        confidence = ramp(uniformity, low=low, high=high)
    else:
        flat = blocks[order[: max(int(_LOOKED_AT * len(order)), 1)]]
        kind = max(
            ramp(_whiteness(flat), low=_WHITE[0], high=_WHITE[1]),
            ramp(_color_noise(flat), low=_COLORED[0], high=_COLORED[1]),
        )
        confidence = min(ramp(uniformity, low=_UNIFORM[0], high=_UNIFORM[1]), kind)
    return Measurement(value=estimate_noise_level(image), confidence=confidence)


def _whiteness(blocks: npt.NDArray[np.float32]) -> float:
    """Return the ratio of differences of adjacent pixels and of pixels two apart.

    White noise has 1.
    """
    gray = blocks.mean(axis=-1)
    return _mixed_difference(gray, 1) / (_mixed_difference(gray, 2) + _ROUNDING)


def _color_noise(blocks: npt.NDArray[np.float32]) -> float:
    """Return the deviation of the less noisy color difference, at half the resolution; 0 for gray.

    It is scaled so that white noise of equal deviation in all channels gives that deviation.
    """
    if blocks.shape[-1] == 1:
        return 0.0
    halved = blocks.reshape(-1, BLOCK // 2, 2, BLOCK // 2, 2, 3).mean(axis=(2, 4))
    red, green, blue = np.moveaxis(halved, -1, 0)
    differences = ((red - green) / 2**0.5, (red + green - 2 * blue) / 6**0.5)
    return 2 * min(_mixed_difference(plane, 1) for plane in differences)


def _mixed_difference(planes: npt.NDArray[np.float32], distance: int) -> float:
    """Return the root mean square of the mixed second differences of ``(N, h, w)``.

    The result is scaled to the deviation of white noise; slopes have no influence.
    """
    left, right = planes[:, :, :-distance], planes[:, :, distance:]
    rows = left - right
    mixed = (rows[:, :-distance] - rows[:, distance:]) / 2
    return float(np.sqrt(np.square(mixed).mean()))
