"""Estimation of the noise level of a photo, for any kind of noise."""

import numpy as np
import numpy.typing as npt

from hiir.imaging.blocks import BLOCK, LEAST_BLOCKS, unclipped_blocks
from hiir.imaging.pixels import FloatPixels, PixelRows
from hiir.imaging.strips import sample_strips

__all__ = ["estimate_noise_level", "estimate_of_rows"]

# Shares of the blocks of equal brightness between which blocks count as flat: the flattest ones are
# often clipped or drawn.
_FLATTEST, _FLAT = 0.03, 0.12
# Ratio of the deviation of pure-noise blocks at these shares to that of the noise: 0.86 in gray and
# 0.93 in color (simulated). The flat blocks of photos contain a little texture, for which 0.02 is
# added: the worst clean photo of CBSD68 then keeps 0.2 dB more, at 0.02 dB of white noise.
_BIAS_GRAY, _BIAS_COLOR = 0.88, 0.95
# Low estimates are more often fine texture, such as sand, and are reduced; on the scale of 255. The
# clean photo of CBSD68 that this changes most keeps 2 dB more.
_LOW, _LOW_SHARE = (8.0, 12.0), 0.93
# Share of the blocks, the flattest ones, in which differences are taken, and the maximum ratio of
# an estimate to their deviation. Measured on 48 photos, in the median and for 9 in 10: white noise
# 1.1 and 1.1 times, camera noise 1.3 and 2 to 2.5, clean photos 2 and 39 times.
_COMPARED, _MOST = 0.25, 3.0
# Deviation that noise may have if the median difference of rounded samples is 0.
_ROUNDING = 1 / 255
# Standard deviation of normal noise whose median absolute deviation is 1.
_OF_MEDIAN = 1 / 0.6745
_BRIGHTNESSES = 3


def estimate_noise_level(image: FloatPixels) -> float:
    """Estimate the standard deviation of a photo's noise over all samples.

    Args:
        image: ``(H, W, C)`` float32 on the scale of [0, 1].

    Returns:
        The deviation on the scale of 255; 0 for an image without 16 blocks of 8 x 8 pixels that
        are neither black nor white.
    """
    blocks = unclipped_blocks(image).reshape(-1, BLOCK**2, image.shape[2])
    if len(blocks) < LEAST_BLOCKS:
        return 0.0
    residual = blocks - _PLANES @ (_PLANES.T @ blocks)
    freedom = BLOCK**2 - _PLANES.shape[1]
    variance = np.square(residual).sum(axis=1).mean(axis=1) / freedom
    # A camera's noise grows with brightness: the flattest blocks are taken for each brightness.
    order = np.argsort(blocks.mean(axis=(1, 2)))
    found = [_flat(variance[part]) for part in np.array_split(order, _BRIGHTNESSES)]
    flattest = blocks[np.argsort(variance)[: max(int(_COMPARED * len(blocks)), 1)]]
    most = _MOST * _deviation(flattest) + _ROUNDING
    bias = _BIAS_GRAY if image.shape[2] == 1 else _BIAS_COLOR
    estimate = min(float(np.sqrt(np.mean(found))) / bias, most) * 255
    return estimate * float(np.interp(estimate, _LOW, (_LOW_SHARE, 1.0)))


def _deviation(blocks: npt.NDArray[np.float32]) -> float:
    """Return the deviation of the noise in ``(N, 64, C)``, from the median of second differences.

    Each difference is taken between pixels two apart, along both diagonals: it responds to noise
    that demosaicking or JPEG has correlated, but not to a slope of brightness.
    """
    grid = blocks.reshape(-1, BLOCK, BLOCK, blocks.shape[2])
    left, right = grid[:, :, :-2], grid[:, :, 2:]
    differences = (left[:, :-2] - left[:, 2:] - right[:, :-2] + right[:, 2:]) / 2
    return float(np.median(np.abs(differences))) * _OF_MEDIAN


def estimate_of_rows(rows: PixelRows) -> float:
    """Estimate the noise level of a photo of any size, from strips of it.

    Args:
        rows: ``(H, W, C)`` uint8, uint16 or float32 [0, 1], which may be stored in a file.

    Returns:
        The deviation on the scale of 255.
    """
    return estimate_noise_level(np.concatenate(sample_strips(rows)))


def _flat(variance: npt.NDArray[np.float32]) -> float:
    """Return the variance of the flattest blocks."""
    ordered = np.sort(variance)
    first = int(_FLATTEST * len(ordered))
    return float(ordered[first : max(int(_FLAT * len(ordered)), first + 1)].mean())


def _planes() -> npt.NDArray[np.float32]:
    """Return an orthonormal basis ``(64, 3)`` of the planes over a block."""
    rows, columns = np.mgrid[:BLOCK, :BLOCK].reshape(2, -1)
    basis, _ = np.linalg.qr(np.stack([np.ones(BLOCK**2), rows, columns], axis=1))
    return basis.astype(np.float32)


_PLANES = _planes()
