"""Drawn pictures: flat colours, gradients, shapes and letters, which photos show too little of.

A network that has seen photos alone shifts saturated flat colours by many levels and softens the
edges of letters: a share of its training is what screens and paper look like.
"""

import string

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hiir.imaging import Uint8Pixels

__all__ = ["draw_picture"]

_SHAPES = 12  # at most
_LETTERS = string.ascii_letters + string.digits


def draw_picture(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw ``(side, side, 3)`` uint8: one colour, a gradient of two, or shapes and letters."""
    kind = random.integers(3)
    if kind == 0:
        return np.broadcast_to(_colour(random), (side, side, 3)).copy()
    if kind == 1:
        return _gradient(random, side)
    return _shapes(random, side)


def _colour(random: np.random.Generator) -> Uint8Pixels:
    """Any colour; the corners of the cube and grays are as likely as all between."""
    match random.integers(3):
        case 0:
            return random.integers(0, 2, 3, np.uint8) * np.uint8(255)
        case 1:
            return np.full(3, random.integers(256), np.uint8)
        case _:
            return random.integers(0, 256, 3, np.uint8)


def _gradient(random: np.random.Generator, side: int) -> Uint8Pixels:
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:side, :side] / side - 0.5
    # Over several patches' length as well: most gradients in pictures are slow.
    position = 0.5 + (np.cos(angle) * x + np.sin(angle) * y) * random.uniform(0.1, 1.4)
    share = np.clip(position, 0, 1)[..., None]
    values = (1 - share) * _colour(random) + share * _colour(random)
    pixels: Uint8Pixels = np.rint(values).astype(np.uint8)
    return pixels


def _shapes(random: np.random.Generator, side: int) -> Uint8Pixels:
    # Drawn twice as large, then averaged: edges as renderers draw them.
    picture = Image.new("RGB", (2 * side, 2 * side), _paint(random))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(1, _SHAPES + 1))):
        x, y = (int(v) for v in random.integers(-side // 2, 2 * side, 2))
        width, height = (int(v) for v in random.integers(2, 2 * side, 2))
        box, paint = (x, y, x + width, y + height), _paint(random)
        match random.integers(4):
            case 0:
                draw.rectangle(box, fill=paint)
            case 1:
                draw.ellipse(box, fill=paint)
            case 2:
                draw.line(box, fill=paint, width=int(random.integers(1, 9)))
            case _:
                size = int(random.integers(16, 65))
                text = "".join(random.choice(list(_LETTERS), 12))
                draw.text((x, y), text, fill=paint, font=ImageFont.load_default(size))
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))


def _paint(random: np.random.Generator) -> tuple[int, ...]:
    return tuple(_colour(random).tolist())
