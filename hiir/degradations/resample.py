"""Resizing as applications do it: to any size, with or without anti-aliasing."""

from enum import StrEnum

import numpy as np
import torch
from torch.nn.functional import interpolate

from hiir.imaging import FloatPixels

__all__ = ["ResizeFilter", "resample"]


class ResizeFilter(StrEnum):
    """How samples are weighted."""

    AREA = "area"
    """The mean of what a sample covers; enlarged, samples are repeated."""
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


def resample(
    image: FloatPixels,
    shape: tuple[int, int],
    *,
    kernel: ResizeFilter = ResizeFilter.BICUBIC,
    antialias: bool = True,
) -> FloatPixels:
    """Resize an image so that its borders stay where they are.

    Args:
        image: ``(H, W, C)`` float32.
        shape: rows and columns of the result.
        kernel: weights of the samples.
        antialias: widen the kernel where the image is reduced, as Pillow and browsers do; OpenCV
            does not, and details turn into moire.

    Returns:
        ``(*shape, C)`` float32, not clipped; bicubic weights overshoot at edges.
    """
    if image.shape[:2] == shape:
        return image
    planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
    if kernel is ResizeFilter.AREA:
        resized = interpolate(planes, shape, mode="area")
    else:
        resized = interpolate(
            planes, shape, mode=kernel.value, align_corners=False, antialias=antialias
        )
    return np.asarray(resized[0].permute(1, 2, 0).contiguous().numpy())
