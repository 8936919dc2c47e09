"""Additive white Gaussian noise."""

import torch
from torch import Tensor

__all__ = ["add_gaussian_noise", "as_file"]


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
