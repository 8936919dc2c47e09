"""White noise: Gaussian and Poisson; and how much of it an image has."""

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
        sigma: standard deviation on the scale of 255, as the literature gives it; a number, or one
            for each image as ``(B,)``.
        generator: source of the noise.
        clip: round to 8 bits and clip to [0, 1], as an uploaded file would be. The literature's
            tables do neither.

    Returns:
        The noisy image, same shape.
    """
    noise = torch.randn(image.shape, generator=generator, dtype=image.dtype)
    scale = torch.as_tensor(sigma, dtype=image.dtype) / 255.0
    noisy = image + noise * scale.reshape(scale.shape + (1,) * (image.ndim - scale.ndim))
    return as_file(noisy) if clip else noisy


def as_file(image: Tensor) -> Tensor:
    """Round to 8 bits and clip to [0, 1]: what is left of an image once it is in a file."""
    return image.mul(255).round_().div_(255).clamp_(0, 1)


def add_poisson_noise(
    image: FloatPixels, random: np.random.Generator, *, strength: float, gray: bool = False
) -> FloatPixels:
    """Add the noise of counted photons, one for each of 255 levels, times a strength.

    After Real-ESRGAN (Wang et al., 2021), where the variance of a sample x is
    ``strength^2 * x / 255``.

    Args:
        image: ``(H, W, C)`` float32; counted within [0, 1].
        random: source of the noise.
        strength: factor on the noise, 0 for none; 1 is a sensor that counts 255 photons at white.
        gray: count the mean of the channels, and add the same noise to all.

    Returns:
        ``(H, W, C)`` float32, neither rounded nor clipped.
    """
    light = np.clip(image.mean(axis=2, keepdims=True) if gray else image, 0, 1) * 255
    noise = (random.poisson(light) - light) / 255
    return np.asarray(image + strength * noise, np.float32)


def noise_level(degraded: FloatPixels, clean: FloatPixels) -> float:
    """Standard deviation of the difference of two images, on the scale of 255.

    The input of a network that takes the noise level, where the noise was not drawn
    with one number: a camera's, for example.

    Args:
        degraded: ``(H, W, C)`` float32 [0, 1].
        clean: of the same shape.

    Raises:
        ValueError: for images of different shapes.
    """
    if degraded.shape != clean.shape:
        raise ValueError(f"images of one shape are compared, not {degraded.shape}, {clean.shape}")
    return float(np.std(degraded.astype(np.float64) - clean) * 255)
