"""Stars: points of light on a dark sky, which a denoiser must keep."""

import numpy as np

from hiir.imaging import Uint8Pixels

__all__ = ["draw_stars"]


def draw_stars(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw a dark sky with stars, some with a glow: ``(side, side, 3)`` uint8."""
    light = np.full((side, side, 3), random.uniform(0, 0.08, 3))
    rows, columns = np.mgrid[:side, :side]
    if random.random() < 0.5:
        center, reach = random.uniform(0, side, 2), random.uniform(0.2, 0.8) * side
        glow = np.exp(-((rows - center[0]) ** 2 + (columns - center[1]) ** 2) / (2 * reach**2))
        light += glow[..., None] * random.uniform(0, 0.25, 3)
    blur = random.uniform(0.4, 1.1)
    count = int(side * side * 10 ** random.uniform(-3.5, -2))
    # Ten times as many stars for every step of 2.5 magnitudes and a bit.
    brightness = np.minimum(0.05 * (1 - random.random(count)) ** -0.8, 3)
    for row, column, value in zip(*random.uniform(0, side, (2, count)), brightness, strict=True):
        reach = 3 + int(2 * value)
        top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
        window = np.s_[top : int(row) + reach + 1, left : int(column) + reach + 1]
        distance = (rows[window] - row) ** 2 + (columns[window] - column) ** 2
        tint = 1 + random.uniform(-0.25, 0.25, 3)
        light[window] += value * np.exp(-distance / (2 * blur**2))[..., None] * tint
    pixels: Uint8Pixels = np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8)
    return pixels
