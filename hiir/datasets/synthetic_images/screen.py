"""Screenshots: windows with title bars, buttons, lists, fields and icons."""

import numpy as np
from PIL import Image, ImageDraw

from hiir.datasets.synthetic_images.paint import (
    Color,
    draw_color,
    draw_contrast,
    draw_words,
    load_font,
)
from hiir.datasets.synthetic_images.shapes import draw_flat, draw_gradient
from hiir.imaging import Uint8Pixels

__all__ = ["draw_screen"]

Box = tuple[int, int, int, int]


def draw_screen(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw windows of one theme on a desktop: ``(side, side, 3)`` uint8."""
    # A part of a screen that is larger than a patch: windows begin and end outside of it.
    desktop = draw_flat(random, side) if random.random() < 0.7 else draw_gradient(random, side)
    picture = Image.fromarray(desktop)
    pen = ImageDraw.Draw(picture)
    pen.fontmode = "L" if random.random() < 0.8 else "1"
    for _ in range(int(random.integers(1, 4))):
        left, top = (int(v) for v in random.integers(-side // 2, max(side * 3 // 4, 1), 2))
        width, height = (int(v) for v in random.integers(max(side // 2, 2), 2 * side + 2, 2))
        _window(pen, random, (left, top, left + width, top + height))
    return np.asarray(picture)


def _window(pen: ImageDraw.ImageDraw, random: np.random.Generator, box: Box) -> None:
    ground, ink = draw_contrast(random)
    accent = draw_color(random)
    size = int(random.integers(9, 17))
    left, top, right, bottom = box
    bar, row = int(random.integers(16, 34)), size + int(random.integers(4, 14))
    round_by = int(random.choice([0, 0, 4, 8]))
    pen.rounded_rectangle(box, radius=round_by, fill=ground, outline=ink)
    pen.rectangle((left + 1, top + 1, right - 1, top + bar), fill=accent)
    pen.text(
        (left + 8, top + 3), draw_words(random, 12), fill=_readable(accent), font=load_font(size)
    )
    for place in range(3):
        x = right - 14 * (place + 1)
        pen.ellipse((x, top + 5, x + 8, top + 13), fill=draw_color(random))
    for y in range(top + bar + 6, bottom - row, row):
        line = (left + 8, y, right - 8, y + row - 3)
        _row(pen, random, line, ink=ink, accent=accent, size=size)


def _row(
    pen: ImageDraw.ImageDraw,
    random: np.random.Generator,
    box: Box,
    *,
    ink: Color,
    accent: Color,
    size: int,
) -> None:
    """One widget: text, a check box, a button, a field, icons or a rule."""
    left, top, right, bottom = box
    if right - left < 24:
        return
    font = load_font(size)
    words = draw_words(random, int(random.integers(3, 40)))
    match random.integers(6):
        case 0 | 1:
            pen.text((left, top), words, fill=ink, font=font)
        case 2:
            mark = bottom - top - 4
            middle, low = left + mark // 2, top + mark
            pen.rectangle((left, top + 2, left + mark, low + 2), outline=ink)
            if random.random() < 0.5:
                pen.line((left + 2, top + 2 + mark // 2, middle, low), fill=accent)
                pen.line((middle, low, left + mark - 1, top + 4), fill=accent)
            pen.text((left + mark + 6, top), words, fill=ink, font=font)
        case 3:
            right = min(right, left + int(random.integers(40, 120)))
            pen.rounded_rectangle((left, top, right, bottom), radius=3, fill=accent, outline=ink)
            label = words[: (right - left) // 8]
            pen.text((left + 6, top), label, fill=_readable(accent), font=font)
        case 4:
            for x in range(left, min(right, left + 160), bottom - top + 4):
                _icon(pen, random, (x, top, x + bottom - top, bottom))
        case _:
            pen.line((left, top + 2, right, top + 2), fill=ink)


def _icon(pen: ImageDraw.ImageDraw, random: np.random.Generator, box: Box) -> None:
    """A small icon made of two shapes."""
    for shrink in (0, max(2, (box[2] - box[0]) // 4)):
        inner = (box[0] + shrink, box[1] + shrink, box[2] - shrink, box[3] - shrink)
        if inner[2] <= inner[0] or inner[3] <= inner[1]:
            return
        paint = draw_color(random)
        match random.integers(3):
            case 0:
                pen.rectangle(inner, fill=paint)
            case 1:
                pen.ellipse(inner, fill=paint)
            case _:
                x = (inner[0] + inner[2]) // 2
                pen.polygon([(x, inner[1]), (inner[2], inner[3]), (inner[0], inner[3])], fill=paint)


def _readable(ground: Color) -> Color:
    """Black or white, whichever has more contrast with the background."""
    return (0, 0, 0) if sum(ground) > 3 * 128 else (255, 255, 255)
