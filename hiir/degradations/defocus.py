"""Defocus by depth: each layer of a scene is blurred by a disk, and near layers cover far ones."""

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch

from hiir.degradations.convolution import convolve_planes, disk
from hiir.degradations.linear_light import light_from_values, values_from_light
from hiir.imaging import FloatPixels

__all__ = ["View", "defocus", "view_kernel"]

_ROLL_OFF = 0.35  # share of the radius over which a half-aperture fades out at the middle


class View(StrEnum):
    """The part of the aperture that forms a picture; a dual-pixel sensor has two halves."""

    WHOLE = "whole"
    LEFT = "left"
    RIGHT = "right"


def view_kernel(radius: float, view: View) -> npt.NDArray[np.float64]:
    """Point spread function: a disk, or the half of it that a dual-pixel view receives.

    Behind the focus the left view spreads to the left; in front of it (a negative radius) the
    halves are swapped. The mean of both halves is the disk.

    Args:
        radius: signed radius of the disk in pixels.
        view: part of the aperture.

    Returns:
        ``(n, n)`` float64 with odd n, sum 1.
    """
    kernel = disk(abs(radius))
    if view is View.WHOLE:
        return kernel
    offsets = np.arange(kernel.shape[1]) - kernel.shape[1] // 2
    fade = np.clip(0.5 + offsets / max(2 * _ROLL_OFF * abs(radius), 1e-6), 0, 1)
    if (view is View.LEFT) != (radius < 0):
        fade = fade[::-1]
    return 2 * kernel * fade


def defocus(
    image: FloatPixels,
    radius: npt.NDArray[np.float32],
    *,
    view: View = View.WHOLE,
    gamma: float = 2.2,
    highlights: float = 1.0,
    step: float = 0.75,
) -> FloatPixels:
    """Blur an image with a map of disk radii, from the farthest layer to the nearest.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        radius: ``(H, W)`` signed radii in pixels: larger is farther.
        view: part of the aperture.
        gamma: exponent from stored values to linear light, in which highlights become disks.
        highlights: linear light of saturated pixels, as in `light_from_values`.
        step: range of radii in pixels that one layer covers; a smaller step takes longer.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    light = light_from_values(image, gamma=gamma, highlights=highlights)
    planes = torch.from_numpy(light).permute(2, 0, 1).contiguous()
    levels = np.rint(radius / step).astype(np.int64)
    lowest = int(levels.min())
    color = torch.zeros_like(planes)
    coverage = torch.zeros_like(planes[:1])
    # All levels that occur, without sorting the pixels.
    for level in np.flatnonzero(np.bincount((levels - lowest).ravel()))[::-1] + lowest:
        of_level = levels == level
        reached = _surroundings(of_level, int(np.ceil(abs(level) * step)))
        inside = torch.from_numpy(of_level[reached])[None].float()
        layer = torch.cat([planes[:, *reached] * inside, inside])
        if level:
            layer = convolve_planes(layer, view_kernel(level * step, view)).clamp_(min=0)
        opacity = layer[-1:].clamp(max=1)
        color[:, *reached].mul_(1 - opacity).add_(layer[:-1])
        coverage[:, *reached].mul_(1 - opacity).add_(opacity)
    # A near layer that fades out uncovers unknown background: the visible background replaces it.
    seen = (color / coverage.clamp_(min=1e-6)).permute(1, 2, 0).contiguous()
    return values_from_light(seen.numpy(), gamma=gamma)


def _surroundings(inside: npt.NDArray[np.bool_], reach: int) -> tuple[slice, slice]:
    """Rows and columns of the smallest rectangle that holds everything within reach."""
    bounds = []
    for axis in (1, 0):
        found = np.flatnonzero(inside.any(axis=axis))
        bounds.append(slice(max(int(found[0]) - reach, 0), int(found[-1]) + reach + 1))
    return bounds[0], bounds[1]
