"""An object that moves in front of its background while the shutter is open."""

import numpy as np
import numpy.typing as npt

from hiir.degradations.convolution import convolve
from hiir.degradations.linear_light import light_from_values, values_from_light
from hiir.degradations.motion import Trajectory, trajectory_kernel
from hiir.imaging import FloatPixels

__all__ = ["blur_moving_object"]


def blur_moving_object(
    image: FloatPixels,
    inside: npt.NDArray[np.bool_],
    *,
    object_path: Trajectory,
    ground_path: Trajectory,
    gamma: float = 2.2,
    highlights: float = 1.0,
) -> FloatPixels:
    """Blur an object along one path and its background along another.

    Where the object covers a pixel for a part of the exposure, the background is visible for the
    rest of it. The background behind the object is unknown; it is filled with the colors beside the
    object.

    Args:
        image: ``(H, W, C)`` float32 [0, 1]: the scene at the origin of both paths.
        inside: ``(H, W)`` bool, true inside the object.
        object_path: ``(N, 2)``, path of the object in pixels.
        ground_path: ``(N, 2)``, path of the background in pixels.
        gamma: exponent from stored values to linear light.
        highlights: linear light of saturated pixels, as in `light_from_values`.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    light = light_from_values(image, gamma=gamma, highlights=highlights)
    mask = inside[..., None].astype(np.float32)
    thing = _exposed(np.concatenate([light * mask, mask], axis=2), object_path)
    ground = _exposed(np.concatenate([light * (1 - mask), 1 - mask], axis=2), ground_path)
    opacity = np.clip(thing[..., -1:], 0, 1)
    seen = ground * (1 - opacity)
    coverage = np.maximum(seen[..., -1:] + opacity, 1e-6)
    return values_from_light((seen[..., :-1] + thing[..., :-1]) / coverage, gamma=gamma)


def _exposed(layer: FloatPixels, path: Trajectory) -> FloatPixels:
    return np.maximum(convolve(layer, trajectory_kernel(path)), 0)
