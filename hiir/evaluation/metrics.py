"""Peak signal-to-noise ratio and structural similarity, as in the restoration literature."""

from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["MAX_PSNR", "SsimWindow", "luma", "mae", "psnr", "ssim"]

# Samples from 0 to 255: uint8, or float where nothing has rounded them.
Image = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Plane = npt.NDArray[Any]
_K1, _K2 = 0.01, 0.03

MAX_PSNR = 99.0
"""PSNR in dB that is reported for equal images, because means and JSON need a finite number."""


class SsimWindow(StrEnum):
    """The window of SSIM."""

    GAUSSIAN = "gaussian-11"
    """11x11, sigma 1.5, population covariance: Wang et al., and most of the literature."""
    UNIFORM = "uniform-7"
    """7x7, uniform weights, sample covariance: the default of scikit-image."""

    @property
    def side(self) -> int:
        """Side of the window in pixels."""
        return 11 if self is SsimWindow.GAUSSIAN else 7

    @property
    def kernel(self) -> Plane:
        """Weights ``(side,)`` along one axis, with sum 1."""
        if self is SsimWindow.UNIFORM:
            return np.full(self.side, 1 / self.side)
        offsets = np.arange(self.side) - self.side // 2
        weights = np.exp(-(offsets**2) / (2 * 1.5**2))
        kernel: Plane = weights / weights.sum()
        return kernel

    @property
    def correction(self) -> float:
        """The factor from the population covariance to the sample covariance."""
        pixels = self.side**2
        return pixels / (pixels - 1) if self is SsimWindow.UNIFORM else 1.0


def psnr(reference: Image, image: Image) -> float:
    """Return the PSNR in dB over all samples of two ``(H, W, C)`` images in [0, 255]; inf if equal.

    Raises:
        ValueError: if the shapes differ.
    """
    _same_shape(reference, image)
    error = float(np.mean(np.square(reference.astype(np.float64) - image.astype(np.float64))))
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def mae(reference: Image, image: Image) -> float:
    """Return the mean absolute error of two images in [0, 255], on the scale of [0, 1].

    Raises:
        ValueError: if the shapes differ.
    """
    _same_shape(reference, image)
    return float(np.mean(np.abs(reference.astype(np.float64) - image.astype(np.float64)))) / 255


def luma(image: Image, *, full_range: bool = False) -> npt.NDArray[np.float32]:
    """Return the BT.601 luma of ``(H, W, 3)`` RGB in [0, 255], as ``(H, W, 1)`` float32.

    It is not rounded. The range is 16 to 235 as in MATLAB's ``rgb2ycbcr``, or 0 to 255 with
    ``full_range``.
    """
    weights = np.array([0.299, 0.587, 0.114])
    scale, offset = (1.0, 0.0) if full_range else (219 / 255, 16.0)
    values = image.astype(np.float64) @ weights * scale + offset
    return np.asarray(values[..., np.newaxis], np.float32)


def ssim(reference: Image, image: Image, window: SsimWindow = SsimWindow.GAUSSIAN) -> float:
    """Return the mean SSIM of two ``(H, W, C)`` images in [0, 255].

    The mean is over channels and whole windows. K1 = 0.01, K2 = 0.03, without padding (Wang et al.,
    2004).

    Raises:
        ValueError: if the shapes differ or are smaller than the window.
    """
    _same_shape(reference, image)
    if min(reference.shape[:2]) < window.side:
        raise ValueError(
            f"SSIM needs {window.side}x{window.side} pixels, got {reference.shape[:2]}"
        )
    channels = range(reference.shape[2])
    pairs = [(reference[..., c], image[..., c]) for c in channels]
    return float(np.mean([_ssim_channel(x, y, window) for x, y in pairs]))


def _ssim_channel(reference: Plane, image: Plane, window: SsimWindow) -> float:
    x, y = reference.astype(np.float64), image.astype(np.float64)
    kernel, correction = window.kernel, window.correction
    mean_x, mean_y = _blur(x, kernel), _blur(y, kernel)
    var_x = (_blur(x * x, kernel) - mean_x**2) * correction
    var_y = (_blur(y * y, kernel) - mean_y**2) * correction
    covariance = (_blur(x * y, kernel) - mean_x * mean_y) * correction
    c1, c2 = (_K1 * 255) ** 2, (_K2 * 255) ** 2
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    denominator = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float(np.mean(numerator / denominator))


def _blur(plane: Plane, kernel: Plane) -> Plane:
    rows = sliding_window_view(plane, len(kernel), axis=0) @ kernel
    blurred: Plane = sliding_window_view(rows, len(kernel), axis=1) @ kernel
    return blurred


def _same_shape(reference: Image, image: Image) -> None:
    if reference.shape != image.shape:
        raise ValueError(f"images differ in shape: {reference.shape} and {image.shape}")
