"""Blur kernels of lenses, sensors and resizing, drawn as in Real-ESRGAN (Wang et al., 2021)."""

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["KernelShape", "gaussian_kernel", "sinc_kernel"]


class KernelShape(StrEnum):
    """The shape of a blur kernel."""

    ISOTROPIC = "isotropic"
    """A round Gaussian."""
    ANISOTROPIC = "anisotropic"
    """A Gaussian with two widths, rotated by any angle."""
    GENERALIZED = "generalized"
    """A Gaussian with another exponent: pointed or blunt."""
    PLATEAU = "plateau"
    """Flat in the middle: ``1 / (1 + r^(2 beta))``."""
    SINC = "sinc"
    """An ideal low-pass filter, which rings at edges as sharpening and resizing do."""


def gaussian_kernel(
    size: int,
    *,
    sigma: tuple[float, float],
    angle: float = 0.0,
    beta: float = 1.0,
    plateau: bool = False,
) -> npt.NDArray[np.float64]:
    """Return an anisotropic, generalized or plateau Gaussian kernel (Real-ESRGAN, section 3.1).

    With r as the distance from the center in standard deviations, the value is ``exp(-r^(2 beta) /
    2)``, or ``1 / (1 + r^(2 beta))`` for a plateau.

    Args:
        size: rows and columns, odd.
        sigma: standard deviations in pixels along both axes, above 0.
        angle: angle between the first axis and the rows, in radians.
        beta: exponent, above 0; 1 gives a Gaussian.
        plateau: return the flat-topped shape.

    Returns:
        ``(size, size)`` float64, sum 1.
    """
    across, along = _rotated(size, angle)
    power = ((across / sigma[0]) ** 2 + (along / sigma[1]) ** 2) ** beta
    kernel = 1 / (1 + power) if plateau else np.exp(-0.5 * power)
    normalized: npt.NDArray[np.float64] = kernel / kernel.sum()
    return normalized


def sinc_kernel(size: int, *, cutoff: float) -> npt.NDArray[np.float64]:
    """Return the kernel of a circular ideal low-pass filter (Real-ESRGAN, equation 6).

    Args:
        size: rows and columns, odd.
        cutoff: highest frequency that passes, in radians per pixel, above 0 and at most pi.

    Returns:
        ``(size, size)`` float64, sum 1.
    """
    rows, columns = _rotated(size, 0.0)
    distance = np.hypot(rows, columns)
    distance[size // 2, size // 2] = 1.0
    bessel = torch.special.bessel_j1(torch.from_numpy(cutoff * distance)).numpy()
    kernel = cutoff * bessel / (2 * np.pi * distance)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * np.pi)
    normalized: npt.NDArray[np.float64] = kernel / kernel.sum()
    return normalized


def _rotated(size: int, angle: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Coordinates relative to the center, rotated by an angle."""
    offsets = np.arange(size, dtype=np.float64) - size // 2
    columns, rows = np.meshgrid(offsets, offsets)
    return (
        np.cos(angle) * columns + np.sin(angle) * rows,
        np.cos(angle) * rows - np.sin(angle) * columns,
    )
