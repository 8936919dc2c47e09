"""White noise, Gaussian and Poisson, and the measurement of an image's noise level."""

import numpy as np
import torch
from torch import Tensor

from hiir.imaging import FloatPixels

__all__ = ["add_gaussian_noise", "add_poisson_noise", "as_file", "noise_level"]


def add_gaussian_noise(
    image: Tensor, sigma: Tensor | float, *, generator: torch.Generator, clip: bool = False
) -> Tensor:
    """Add independent noise to every sample.

    Args:
        image: ``(B, C, H, W)`` or ``(C, H, W)`` float32 [0, 1].
        sigma: standard deviation on the scale of 255, as in the literature; one number, or ``(B,)``
            with one value per image.
        generator: generator that the noise is drawn from.
        clip: round to 8 bits and clip to [0, 1], as in an uploaded file. The tables of the
            literature do neither.

    Returns:
        The noisy image, of the same shape and type.
    """
    noise = torch.randn(image.shape, generator=generator, dtype=image.dtype)
    scale = torch.as_tensor(sigma, dtype=image.dtype) / 255.0
    noisy = image + noise * scale.reshape(scale.shape + (1,) * (image.ndim - scale.ndim))
    return as_file(noisy) if clip else noisy


def as_file(image: Tensor) -> Tensor:
    """Round to 8 bits and clip to [0, 1], as an 8-bit file does."""
    return image.mul(255).round_().div_(255).clamp_(0, 1)


def add_poisson_noise(
    image: FloatPixels, random: np.random.Generator, *, strength: float, gray: bool = False
) -> FloatPixels:
    """Add Poisson noise: photons are counted at 255 levels, and the noise is scaled.

    After Real-ESRGAN (Wang et al., 2021), where the variance of a sample x is ``strength^2 * x /
    255``.

    Args:
        image: ``(H, W, C)`` float32; photons are counted for values clipped to [0, 1].
        random: generator that the noise is drawn from.
        strength: factor on the noise, 0 for none; 1 is a sensor that counts 255 photons at white.
        gray: draw the noise for the mean of the channels, and add the same noise to all of them.

    Returns:
        ``(H, W, C)`` float32, neither rounded nor clipped.
    """
    light = np.clip(image.mean(axis=2, keepdims=True) if gray else image, 0, 1) * 255
    noise = (random.poisson(light) - light) / 255
    return np.asarray(image + strength * noise, np.float32)


def noise_level(degraded: FloatPixels, clean: FloatPixels) -> float:
    """Return the standard deviation of the difference of two images, on the scale of 255.

    Networks that take a noise level as an input need it where the noise has no single level, for
    example a camera's noise.

    Args:
        degraded: ``(H, W, C)`` float32 [0, 1].
        clean: ``(H, W, C)`` float32 [0, 1], of the same shape.

    Raises:
        ValueError: if the shapes differ.
    """
    if degraded.shape != clean.shape:
        raise ValueError(f"images must have the same shape, got {degraded.shape} and {clean.shape}")
    return float(np.std(degraded.astype(np.float64) - clean) * 255)
