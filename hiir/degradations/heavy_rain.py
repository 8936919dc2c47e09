"""Heavy rain: streaks at several distances, which accumulate to a veil (Li et al., 2019)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hiir.degradations.convolution import convolve, gaussian_blur
from hiir.degradations.depth import draw_layers, draw_relief
from hiir.degradations.particles import streak_kernel
from hiir.degradations.resample import ResizeFilter, resample
from hiir.degradations.weather import add_fog
from hiir.imaging import FloatPixels

__all__ = ["RainLayer", "add_heavy_rain", "draw_depth", "draw_rain_layers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RainLayer:
    """The streaks at one distance."""

    length: float
    """Length in pixels, above 0."""
    width: float
    """Width in pixels, above 0."""
    angle: float
    """Angle from the vertical in radians."""
    share: float
    """Approximate share of the picture that streaks cover, 0 to 1."""
    opacity: float
    """Opacity of a streak at its brightest point, 0 to 1."""


def draw_rain_layers(
    random: np.random.Generator, *, amount: float, length: float, width: float, layers: int
) -> tuple[RainLayer, ...]:
    """Draw layers of streaks from near to far, each shorter, finer, denser and fainter.

    Args:
        random: generator that the layers are drawn from.
        amount: amount of rain, 0 to 1.
        length: length of the nearest streaks in pixels.
        width: width of the nearest streaks in pixels.
        layers: number of layers, at least 1.
    """
    angle = np.clip(random.normal(0, np.radians(20)), -np.pi / 4, np.pi / 4)
    drawn = []
    for index in range(layers):
        nearness = (1 - index / layers) * random.uniform(0.8, 1.25)
        drawn.append(
            RainLayer(
                length=max(length * nearness, 3.0),
                width=max(width * nearness, 0.5),
                angle=float(angle + random.normal(0, np.radians(3))),
                share=float(amount * random.uniform(0.05, 0.6) * (1.2 - 0.6 * nearness)),
                opacity=float(random.uniform(0.15, 0.9) * (0.35 + 0.65 * nearness)),
            )
        )
    return tuple(drawn)


def draw_depth(shape: tuple[int, int], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw the depth of a scene with hills or objects: ``(H, W)`` float32, 0 near to 1 far."""
    if random.random() < 0.75:
        return draw_relief(shape, random)
    return draw_layers(shape, random, objects=int(random.integers(1, 5)))


def add_heavy_rain(
    image: FloatPixels,
    layers: tuple[RainLayer, ...],
    random: np.random.Generator,
    *,
    depth: npt.NDArray[np.float32],
    density: float,
    airlight: npt.NDArray[np.float32],
    night: bool = False,
) -> FloatPixels:
    """Add heavy rain: ``I = T (J + sum S) + (1 - T) A`` with ``T = exp(-density * depth)``.

    The rain model of "Heavy Rain Image Restoration" (Li et al., 2019), equation 3.

    Args:
        image: ``(H, W, C)`` float32 [0, 1]: J in the formula.
        layers: layers of streaks: S in the formula.
        random: generator of the positions of the streaks.
        depth: ``(H, W)`` float32.
        density: density of the veil per unit of depth.
        airlight: ``(C,)`` color of the veil [0, 1]: A in the formula.
        night: the scene's own lights light the streaks; otherwise the sky does.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    light = np.zeros((*image.shape[:2], 1), np.float32)
    for layer in layers:
        light += _streaks((image.shape[0], image.shape[1]), layer, random)
    # A drop bends light of half of the scene into the picture; at most to white.
    sky = _surrounding_light(image) if night else np.maximum(airlight, np.float32(0.6))
    wet = image + np.clip(light, 0, 1) * np.maximum(sky - 0.3 * image, 0)
    return np.clip(add_fog(np.minimum(wet, 1), depth, density=density, airlight=airlight), 0, 1)


def _streaks(
    shape: tuple[int, int], layer: RainLayer, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """``(H, W, 1)`` brightness of one layer's streaks."""
    chance = layer.share / (layer.length * max(layer.width, 1.0))
    drops = (random.random(shape, np.float32) < chance) * random.random(shape, np.float32)
    kernel = streak_kernel(layer.length, layer.width, layer.angle)
    streaks = convolve(drops[..., None], kernel, precise=False)
    return np.asarray(np.maximum(streaks, 0) * np.float32(layer.opacity), np.float32)


def _surrounding_light(image: FloatPixels) -> FloatPixels:
    """The light around each pixel: lamps and signs light the rain near them."""
    height, width, _ = image.shape
    small = resample(image, (max(height // 8, 1), max(width // 8, 1)), kernel=ResizeFilter.AREA)
    glow = gaussian_blur(small**2, 2.0)
    return np.clip(2.5 * resample(glow, (height, width), kernel=ResizeFilter.BILINEAR), 0.05, 1)
