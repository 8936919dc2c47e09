"""Snowfall: flakes from single points to blobs out of focus, elongated by their fall."""

import numpy as np
import numpy.typing as npt

from hiir.degradations.convolution import convolve, disk
from hiir.degradations.particles import flake_kernel, streak_kernel
from hiir.degradations.weather import add_fog
from hiir.imaging import FloatPixels

__all__ = ["add_snowfall"]


def add_snowfall(
    image: FloatPixels,
    random: np.random.Generator,
    *,
    amount: float,
    size: tuple[float, float],
    layers: int,
    depth: npt.NDArray[np.float32],
    density: float,
    brightness: float,
) -> FloatPixels:
    """Add flakes at several distances, and the veil that distant flakes form.

    The composition is that of Snow100K (Liu et al., 2018): ``I = K z + (1 - z) J`` with the opacity
    z and the color K of the flakes, and the image J.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        random: generator that the flakes are drawn from.
        amount: amount of snow, 0 to 1.
        size: minimum and maximum diameter of flakes in pixels, above 0.
        layers: number of distances at which flakes fall.
        depth: ``(H, W)`` float32 of the scene, for the veil.
        density: density of the veil per unit of depth.
        brightness: brightness of flakes and veil, 0 to 1; natural values are near the scene's
            maximum.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    color = np.clip(brightness + random.normal(0, 0.01, image.shape[2]), 0, 1).astype(np.float32)
    snowy = add_fog(image, depth, density=density, airlight=color)
    shape, drift = (image.shape[0], image.shape[1]), random.normal(0, 0.5)
    # From far to near: the near ones cover the far ones.
    for diameter in np.geomspace(*size, layers) * random.uniform(0.8, 1.25, layers):
        share = amount * random.uniform(0.01, 0.05)
        chance = share / (0.8 * diameter**2)
        seeds = (random.random(shape, np.float32) < chance) * random.random(shape, np.float32)
        kernel = _flake(float(diameter), random, angle=drift + random.normal(0, 0.15))
        # The light of a flake out of focus is spread: large blobs let the scene through.
        clear = 1 - 0.6 * random.random() * min(diameter / 20, 1)
        opacity = np.clip(convolve(seeds[..., None], kernel, precise=False), 0, 1)
        opacity = opacity * np.float32(clear)
        snowy = snowy * (1 - opacity) + color * np.float32(random.uniform(0.9, 1)) * opacity
    return np.asarray(np.clip(snowy, 0, 1), np.float32)


def _flake(
    diameter: float, random: np.random.Generator, *, angle: float
) -> npt.NDArray[np.float64]:
    """Return an irregular flake, the disk of an unfocused one, or the streak of a falling one."""
    match random.integers(3):
        case 0 if diameter >= 4:
            kernel = disk(diameter / 2)
            return np.asarray(kernel / kernel.max())
        case 1:
            return streak_kernel(diameter * random.uniform(1.5, 4), 0.6 * diameter, angle)
        case _:
            return flake_kernel(diameter, angle=angle, random=random)
