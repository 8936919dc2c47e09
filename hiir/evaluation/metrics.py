"""Peak signal-to-noise ratio and structural similarity, as the restoration literature has them."""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["SSIM_WINDOW", "luma", "mae", "psnr", "ssim"]

# Samples from 0 to 255: uint8, or float where nothing has rounded them.
Image = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
SSIM_WINDOW = 11
"""Pixels on a side of the Gaussian window."""
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def psnr(reference: Image, image: Image) -> float:
    """PSNR in dB over all samples of two ``(H, W, C)`` images from 0 to 255; inf if equal.

    Raises:
        ValueError: for images of different shapes.
    """
    _same_shape(reference, image)
    error = float(np.mean(np.square(reference.astype(np.float64) - image.astype(np.float64))))
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def mae(reference: Image, image: Image) -> float:
    """Mean absolute error of two images from 0 to 255, on the scale of [0, 1].

    Raises:
        ValueError: for images of different shapes.
    """
    _same_shape(reference, image)
    return float(np.mean(np.abs(reference.astype(np.float64) - image.astype(np.float64)))) / 255


def luma(image: Image, *, full_range: bool = False) -> npt.NDArray[np.float32]:
    """BT.601 luma of ``(H, W, 3)`` RGB from 0 to 255, as ``(H, W, 1)`` float32, not rounded.

    From 16 to 235 as MATLAB's ``rgb2ycbcr`` gives it, or over the full range.
    """
    weights = np.array([0.299, 0.587, 0.114])
    scale, offset = (1.0, 0.0) if full_range else (219 / 255, 16.0)
    values = image.astype(np.float64) @ weights * scale + offset
    return np.asarray(values[..., np.newaxis], np.float32)


def ssim(reference: Image, image: Image) -> float:
    """Mean SSIM of two ``(H, W, C)`` images from 0 to 255, over channels and whole windows.

    Gaussian window 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance, no border
    (Wang et al., 2004).

    Raises:
        ValueError: for images of different shapes or smaller than a window.
    """
    _same_shape(reference, image)
    if min(reference.shape[:2]) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs {SSIM_WINDOW}x{SSIM_WINDOW} pixels, got {reference.shape[:2]}"
        )
    channels = range(reference.shape[2])
    return float(np.mean([_ssim_channel(reference[..., c], image[..., c]) for c in channels]))


def _ssim_channel(reference: Image, image: Image) -> float:
    x, y = reference.astype(np.float64), image.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * 255) ** 2, (_K2 * 255) ** 2
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    denominator = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float(np.mean(numerator / denominator))


def _blur(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    kernel = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    kernel /= kernel.sum()
    rows = sliding_window_view(plane, SSIM_WINDOW, axis=0) @ kernel
    blurred: npt.NDArray[np.float64] = sliding_window_view(rows, SSIM_WINDOW, axis=1) @ kernel
    return blurred


def _same_shape(reference: Image, image: Image) -> None:
    if reference.shape != image.shape:
        raise ValueError(f"images differ in shape: {reference.shape} and {image.shape}")
