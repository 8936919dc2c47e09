"""Bicubic resizing as MATLAB's `imresize`, which the super-resolution benchmarks use."""

from functools import lru_cache
from math import ceil

import numpy as np
import numpy.typing as npt

from hiir.imaging import FloatPixels

__all__ = ["imresize"]

_REACH = 4.0  # samples that the cubic kernel spans


def imresize(image: FloatPixels, scale: float, *, in_uint8: bool = True) -> FloatPixels:
    """Resize as MATLAB's ``imresize(image, scale, 'bicubic')``: anti-aliased, mirrored borders.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        scale: output samples per input sample along a side; a scale below 1 reduces the image.
        in_uint8: round to 8 bits and clip after each of the two passes, as MATLAB does with a uint8
            image. The low-resolution test sets were made this way. Otherwise nothing is rounded or
            clipped, and the kernel overshoots at edges.

    Returns:
        ``(ceil(scale * H), ceil(scale * W), C)`` float32.
    """
    values = image.astype(np.float64) * 255
    if in_uint8:
        values = _rounded(values)
    # Rows first, as MATLAB does when both factors are equal.
    for axis in (0, 1):
        weights = _weights(image.shape[axis], scale)
        values = np.moveaxis(np.tensordot(weights, values, axes=(1, axis)), 0, axis)
        if in_uint8:
            values = _rounded(values)
    return np.ascontiguousarray(values / 255, dtype=np.float32)


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.clip(np.floor(values + 0.5), 0, 255), np.float64)


@lru_cache(maxsize=64)
def _weights(length: int, scale: float) -> npt.NDArray[np.float64]:
    """Weight matrix ``(output samples, input samples)`` of one axis; each row sums to 1."""
    # Shrinking widens the kernel, so that it averages the samples between the new ones.
    stretch = min(scale, 1.0)
    reach = _REACH / stretch
    output = np.arange(1, ceil(length * scale - 1e-9) + 1, dtype=np.float64)
    # Centers of the output samples in coordinates of the input, both counted from 1.
    centers = output / scale + 0.5 * (1 - 1 / scale)
    first = np.floor(centers - reach / 2)
    taps = first[:, None] + np.arange(ceil(reach) + 2)
    weights = stretch * _cubic(stretch * (centers[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    # Symmetric borders: ... 2 1 | 1 2 3 ... n | n n-1 ...
    mirrored = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    columns = mirrored[(taps.astype(np.int64) - 1) % (2 * length)]
    matrix = np.zeros((len(output), length))
    np.add.at(matrix, (np.arange(len(output))[:, None], columns), weights)
    return matrix


def _cubic(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cubic convolution kernel with a = -1/2 (Keys, 1981)."""
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
