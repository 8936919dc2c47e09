"""Convolution by Fourier transform: its time does not depend on the size of the kernel."""

import numpy as np
import numpy.typing as npt
import torch

from hiir.imaging import FloatPixels

__all__ = ["convolve", "disk"]


def convolve(image: FloatPixels, kernel: npt.NDArray[np.float64]) -> FloatPixels:
    """Convolve every channel with a kernel; beyond the border the image is mirrored.

    Args:
        image: ``(H, W, C)`` float32.
        kernel: ``(h, w)`` float64, odd sides, its centre at the middle.

    Returns:
        ``(H, W, C)`` float32.
    """
    height, width, _ = image.shape
    above, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(image, ((above, above), (left, left), (0, 0)), mode="symmetric")
    shape = (_fast(padded.shape[0]), _fast(padded.shape[1]))
    # In double precision: what rounding leaves in black grows a thousandfold when gamma is undone.
    planes = torch.from_numpy(padded).double().permute(2, 0, 1)
    spectrum = torch.fft.rfft2(planes, s=shape)
    spectrum *= torch.fft.rfft2(torch.from_numpy(kernel.astype(np.float64)), s=shape)
    # What wraps around lands in the first rows and columns, which are cut off.
    blurred = torch.fft.irfft2(spectrum, s=shape).permute(1, 2, 0)
    top, start = 2 * above, 2 * left
    inner = blurred[top : top + height, start : start + width]
    return np.asarray(inner.contiguous().numpy(), np.float32)


def _fast(length: int) -> int:
    """The next length that is a product of small factors, as Fourier transforms like it."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def disk(radius: float) -> npt.NDArray[np.float64]:
    """Weights of a disk with the given radius in pixels: odd sides, smooth rim, sum 1."""
    reach = int(np.ceil(radius))
    offsets = np.arange(-reach, reach + 1, dtype=np.float64)
    distance = np.hypot(*np.meshgrid(offsets, offsets))
    weights = np.clip(radius + 0.5 - distance, 0, 1)
    weights[reach, reach] = max(weights[reach, reach], 1e-6)  # a radius of 0 changes nothing
    normalized: npt.NDArray[np.float64] = weights / weights.sum()
    return normalized
