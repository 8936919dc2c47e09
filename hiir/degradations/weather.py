"""Fog, rain and snow, composed by transmission and depth."""

import numpy as np
import numpy.typing as npt

from hiir.degradations.convolution import convolve
from hiir.degradations.depth import draw_relief
from hiir.degradations.particles import draw_airlight, flake_kernel, streak_kernel
from hiir.imaging import FloatPixels

__all__ = ["add_fog", "add_rain", "add_snow"]


def add_fog(
    image: FloatPixels,
    depth: npt.NDArray[np.float32],
    *,
    density: float,
    airlight: npt.NDArray[np.float32],
) -> FloatPixels:
    """Add fog by scattering in the air: ``J t + A (1 - t)`` with ``t = exp(-density depth)``.

    Args:
        image: ``(H, W, C)`` float32 [0, 1]: J in the formula.
        depth: ``(H, W)`` float32.
        density: scattering per unit of depth, 0 for clear air.
        airlight: ``(C,)`` color of the veil [0, 1]: A in the formula.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    transmission = np.exp(-np.float32(density) * depth)[..., None]
    return np.asarray(image * transmission + airlight * (1 - transmission), np.float32)


def add_rain(
    image: FloatPixels,
    random: np.random.Generator,
    *,
    amount: float,
    length: float,
    fog: float,
) -> FloatPixels:
    """Add heavy rain: streaks in front of the scene; distant ones merge into fog.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        random: generator that the scene and the streaks are drawn from.
        amount: amount of rain, 0 to 1.
        length: length of near streaks in pixels.
        fog: density of the veil over the depth of the scene; 0 for none.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    shape = (image.shape[0], image.shape[1])
    depth = draw_relief(shape, random)
    airlight = draw_airlight(image, random)
    angle = random.normal(0, np.radians(22))
    # From a few thick streaks to a gray curtain of thin ones, each of which is hardly visible.
    fineness = random.uniform(1, 5)
    light = np.zeros((*shape, 1), np.float32)
    layers = 3
    for layer in range(layers):
        # From near to far: shorter, finer, denser, fainter.
        distance = (layer + 1) / layers
        streak = max(length * (1.2 - distance), 3.0)
        share = amount * 0.05 * distance**2 * fineness
        falling = angle + random.normal(0, 0.03)
        light += (
            (0.65 - 0.4 * distance)
            / np.sqrt(fineness)
            * _streaks(
                shape, random, share=share, length=streak, width=1.3 - distance, angle=falling
            )
        )
    # A drop bends light of the whole sky into the picture: it brightens, at most to white.
    brightness = np.float32(max(airlight.mean(), random.uniform(0.5, 1.0)))
    opacity = np.clip(light, 0, 0.7)
    veiled = add_fog(image, depth, density=fog, airlight=airlight)
    wet = veiled + opacity * np.maximum(brightness - 0.5 * veiled, 0)
    return np.asarray(np.clip(wet, 0, 1), np.float32)


def _streaks(
    shape: tuple[int, int],
    random: np.random.Generator,
    *,
    share: float,
    length: float,
    width: float,
    angle: float,
) -> npt.NDArray[np.float32]:
    """``(H, W, 1)`` opacity of streaks that start at a share of all pixels."""
    drops = (random.random(shape) < 8 * share / length) * random.uniform(0.15, 1, shape)
    seeds = drops.astype(np.float32)[..., None]
    return np.asarray(
        np.maximum(convolve(seeds, streak_kernel(length, width, angle)), 0), np.float32
    )


def add_snow(
    image: FloatPixels,
    random: np.random.Generator,
    *,
    amount: float,
    size: float,
    haze: float = 0.3,
) -> FloatPixels:
    """Add falling snow: flakes of several sizes; near ones are large, soft and elongated.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        random: generator that the scene and the flakes are drawn from.
        amount: amount of snow, 0 to 1.
        size: diameter of near flakes in pixels.
        haze: density of the veil that distant flakes form.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    shape = (image.shape[0], image.shape[1])
    airlight = np.maximum(draw_airlight(image, random), np.float32(0.8))
    snowy = add_fog(image, draw_relief(shape, random), density=haze * amount, airlight=airlight)
    drift = random.normal(0, 0.5)
    # Shares are of the area that the flakes of a scale cover.
    for scale, share in ((0.12, 0.05), (0.2, 0.05), (0.35, 0.04), (0.6, 0.03), (1.0, 0.02)):
        diameter = max(size * scale, 1.2)
        chance = share * amount / (0.8 * diameter**2)
        seeds = (random.random(shape) < chance) * random.uniform(0.35, 1, shape)
        flake = flake_kernel(diameter, angle=drift + random.normal(0, 0.15), random=random)
        # Near flakes are out of focus, and light falls through them.
        opacity = convolve(seeds.astype(np.float32)[..., None], flake)
        opacity = np.clip(opacity, 0, 1) * np.float32(1 - 0.35 * scale)
        snowy = snowy * (1 - opacity) + np.float32(random.uniform(0.88, 1.0)) * opacity
    return np.asarray(np.clip(snowy, 0, 1), np.float32)
