"""Flat colors, gradients, and large shapes and letters."""

import numpy as np
from PIL import Image, ImageDraw

from hiir.datasets.synthetic_images.paint import draw_color, draw_words, load_font
from hiir.imaging import Uint8Pixels

__all__ = ["draw_flat", "draw_gradient", "draw_shapes"]

_SHAPES = 12  # at most


def draw_flat(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw one color: ``(side, side, 3)`` uint8."""
    return np.full((side, side, 3), draw_color(random), np.uint8)


def draw_gradient(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw a linear or radial gradient between two colors, a third of them dithered."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    # Over several patches' length as well: most gradients in pictures are slow.
    reach = random.uniform(0.1, 1.4)
    if random.random() < 0.25:
        center = random.uniform(-0.6, 0.6, 2)
        position = np.hypot(y - center[0], x - center[1]) * reach
    else:
        angle = random.uniform(0, 2 * np.pi)
        position = 0.5 + (np.cos(angle) * x + np.sin(angle) * y) * reach
    share = np.clip(position, 0, 1)[..., None]
    first, second = (np.array(draw_color(random)) for _ in range(2))
    values = (1 - share) * first + share * second
    if random.random() < 1 / 3:
        # Applications add up to a level of noise, so that no bands are seen.
        values = values + random.uniform(-0.5, 0.5, values.shape)
    pixels: Uint8Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


def draw_shapes(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw overlapping rectangles, ellipses, thick lines and large letters."""
    # Drawn twice as large, then averaged: edges as renderers draw them.
    picture = Image.new("RGB", (2 * side, 2 * side), draw_color(random))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(1, _SHAPES + 1))):
        x, y = (int(v) for v in random.integers(-side // 2, 2 * side, 2))
        width, height = (int(v) for v in random.integers(2, 2 * side, 2))
        box, paint = (x, y, x + width, y + height), draw_color(random)
        match random.integers(4):
            case 0:
                draw.rectangle(box, fill=paint)
            case 1:
                draw.ellipse(box, fill=paint)
            case 2:
                draw.line(box, fill=paint, width=int(random.integers(1, 9)))
            case _:
                font = load_font(int(random.integers(16, 65)))
                draw.text((x, y), draw_words(random, 12), fill=paint, font=font)
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))
