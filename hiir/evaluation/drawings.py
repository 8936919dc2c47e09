"""Drawings without degradations, for measuring how much a model changes them.

Their code is separate from that of the synthetic training pictures, so that no model is measured on
what it was trained on.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hiir.imaging import Uint8Pixels

__all__ = ["DRAWINGS", "FLAT_COLORS", "FLAT_GRAYS", "draw_flat_color"]

_Color = tuple[int, int, int]

FLAT_GRAYS: tuple[_Color, ...] = tuple((level,) * 3 for level in (0, 1, 64, 128, 200, 254, 255))
FLAT_COLORS: tuple[_Color, ...] = (
    *((255, 0, 0), (0, 255, 0), (0, 0, 255)),
    *((0, 128, 255), (20, 200, 90), (255, 220, 0)),
)

_SIDE = 256
_TEXT = (
    "The quick brown fox jumps over the lazy dog. 0123456789 (a+b)=c; {x: [1, 2]} @home #tag & more"
)


def draw_flat_color(color: _Color, side: int = 160) -> Uint8Pixels:
    """One color: ``(side, side, 3)`` uint8."""
    return np.broadcast_to(np.array(color, np.uint8), (side, side, 3)).copy()


def _line_art() -> Uint8Pixels:
    """Black contours of 1 to 3 pixels, hatching and circles on white, anti-aliased."""
    factor = 4
    sheet = Image.new("L", (_SIDE * factor, _SIDE * factor), 255)
    pen = ImageDraw.Draw(sheet)
    for index, angle in enumerate(np.linspace(0, math.pi, 13)):
        reach = 56 * factor
        x, y = 64 * factor, 64 * factor
        ends = [
            (x - reach * math.cos(angle), y - reach * math.sin(angle)),
            (x + reach * math.cos(angle), y + reach * math.sin(angle)),
        ]
        pen.line(ends, fill=0, width=factor * (1 + index % 3))
    for radius in range(6, 60, 6):
        x, y, reach = 190 * factor, 64 * factor, radius * factor
        box = (x - reach, y - reach, x + reach, y + reach)
        pen.ellipse(box, outline=0, width=factor * (1 + radius // 6 % 2))
    for left in range(10, 110, 4):  # hatching, one pixel in four
        ends = [(left * factor, 246 * factor), ((left + 16) * factor, 140 * factor)]
        pen.line(ends, fill=0, width=factor)
    curve = [
        (140 + index / 3, 190 + 45 * math.sin(index / 15) * math.cos(index / 40))
        for index in range(320)
    ]
    for shift in (0, 6, 14):
        path = [(x * factor, (y + shift) * factor) for x, y in curve]
        pen.line(path, fill=0, width=2 * factor, joint="curve")
    return _rgb(sheet.resize((_SIDE, _SIDE), Image.Resampling.BOX))


def _text() -> Uint8Pixels:
    """Lines of text at 8 to 20 pixels, black on white and white on a color."""
    sheet = Image.new("RGB", (_SIDE, _SIDE), "white")
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((0, _SIDE // 2, _SIDE, _SIDE), fill=(24, 60, 120))
    for first, ink in ((4, (0, 0, 0)), (_SIDE // 2 + 4, (255, 255, 255))):
        top = first
        for size in (8, 9, 10, 12, 14, 20):
            pen.text((4, top), _TEXT, fill=ink, font=ImageFont.load_default(size))
            top += size + 3
    return np.array(sheet)


def _scan() -> Uint8Pixels:
    """A bilevel scan of text and lines."""
    gray = np.array(Image.fromarray(np.minimum(_line_art(), np.rot90(_text(), 2))).convert("L"))
    return _rgb(Image.fromarray(np.uint8(gray > 127) * np.uint8(255)))


def _screen() -> Uint8Pixels:
    """A screenshot: flat panels, one-pixel borders, buttons, a gradient, small text."""
    sheet = Image.new("RGB", (_SIDE, _SIDE), (240, 240, 243))
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((0, 0, _SIDE, 28), fill=(44, 62, 80))
    pen.text((8, 7), "Untitled - 3 items", fill=(236, 240, 241), font=ImageFont.load_default(13))
    for row in range(6):
        top = 40 + row * 26
        fill = (255, 255, 255) if row % 2 else (228, 236, 247)
        pen.rectangle((10, top, 160, top + 24), fill=fill, outline=(190, 196, 204))
        text = f"{row + 1}. image-{row * 37:04d}.jpg"
        pen.text((16, top + 6), text, fill=(33, 37, 41), font=ImageFont.load_default(11))
    for index, color in enumerate(((220, 53, 69), (40, 167, 69), (0, 123, 255), (255, 193, 7))):
        top = 40 + index * 40
        pen.rounded_rectangle((176, top, 246, top + 28), radius=6, fill=color)
        pen.text((190, top + 8), "Restore", fill="white", font=ImageFont.load_default(12))
    pixels = np.array(sheet)
    pixels[206:246, 10:246] = np.linspace(0, 255, 236).round().astype(np.uint8)[None, :, None]
    return pixels


def _rgb(gray: Image.Image) -> Uint8Pixels:
    return np.repeat(np.array(gray)[:, :, None], 3, axis=2)


DRAWINGS: Mapping[str, Callable[[], Uint8Pixels]] = MappingProxyType(
    {"line-art": _line_art, "text": _text, "scan": _scan, "screen": _screen}
)
"""Each draws ``(256, 256, 3)`` uint8, always the same."""
