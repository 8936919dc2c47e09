"""Resizing to any size, with or without anti-aliasing, as applications do it."""

from enum import StrEnum

import numpy as np
import torch
from torch.nn.functional import interpolate

from hiir.imaging import FloatPixels

__all__ = ["ResizeFilter", "resample"]


class ResizeFilter(StrEnum):
    """The interpolation filter."""

    AREA = "area"
    """The mean of the area that a sample covers; an enlarged image repeats its samples."""
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


def resample(
    image: FloatPixels,
    shape: tuple[int, int],
    *,
    kernel: ResizeFilter = ResizeFilter.BICUBIC,
    antialias: bool = True,
) -> FloatPixels:
    """Resize an image; its borders stay aligned.

    Args:
        image: ``(H, W, C)`` float32.
        shape: rows and columns of the result.
        kernel: interpolation filter.
        antialias: widen the filter when the image is reduced, as Pillow and browsers do. OpenCV
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
