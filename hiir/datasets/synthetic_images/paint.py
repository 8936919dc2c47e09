"""Colors, text and canvases of synthetic pictures."""

import string
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hiir.imaging import Uint8Pixels

__all__ = ["Canvas", "Color", "draw_color", "draw_contrast", "draw_words", "load_font"]

Color = tuple[int, int, int]

_LETTERS = np.array(list(string.ascii_lowercase * 4 + string.ascii_uppercase + string.digits))
_MARKS = np.array(list(".,;:!?-()/%&+=@#'\"*<>"))


class Canvas:
    """A picture to draw on, aliased or anti-aliased; the latter is drawn larger and averaged."""

    def __init__(self, side: int, paint: Color, *, smooth: bool) -> None:
        self.scale = 4 if smooth else 1
        self.side = side
        self._picture = Image.new("RGB", (side * self.scale,) * 2, paint)
        self.pen = ImageDraw.Draw(self._picture)

    def at(self, *values: float) -> list[float]:
        """Convert pixels of the result to coordinates of the canvas."""
        return [value * self.scale for value in values]

    def write(self, x: float, y: float, text: str, *, paint: Color, size: int) -> None:
        """Draw text; the size is in pixels of the result."""
        font = load_font(size * self.scale)
        self.pen.text((x * self.scale, y * self.scale), text, fill=paint, font=font)

    def pixels(self) -> Uint8Pixels:
        """``(side, side, 3)`` uint8."""
        return np.asarray(self._picture.resize((self.side, self.side), Image.Resampling.BOX))


def draw_color(random: np.random.Generator) -> Color:
    """Draw a random color; the corners of the RGB cube and grays have extra probability."""
    match random.integers(3):
        case 0:
            values = random.integers(0, 2, 3) * 255
        case 1:
            values = np.full(3, random.integers(256))
        case _:
            values = random.integers(0, 256, 3)
    red, green, blue = values.tolist()
    return red, green, blue


def draw_contrast(random: np.random.Generator) -> tuple[Color, Color]:
    """Draw a background and an ink of sufficient contrast, dark on light or light on dark."""
    match random.integers(4):
        case 0:
            pair = ((255, 255, 255), (0, 0, 0))
        case 1:
            light, dark = int(random.integers(200, 256)), int(random.integers(0, 70))
            pair = ((light,) * 3, (dark,) * 3)
        case _:
            pair = (draw_color(random), draw_color(random))
            while abs(_luma(pair[0]) - _luma(pair[1])) < 80:
                pair = (draw_color(random), draw_color(random))
    light_first = sorted(pair, key=_luma, reverse=True)
    ground, ink = light_first if random.random() < 0.5 else light_first[::-1]
    return ground, ink


@lru_cache(maxsize=128)
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """Load Pillow's built-in font at a size in pixels; cached, because loading is slow."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType, which draws letters")
    return font


def draw_words(random: np.random.Generator, letters: int) -> str:
    """Draw that number of letters and digits, in words with occasional punctuation."""
    words = []
    while letters > 0:
        length = min(int(random.integers(1, 11)), letters)
        word = "".join(random.choice(_LETTERS, length))
        words.append(word + (str(random.choice(_MARKS)) if random.random() < 0.2 else ""))
        letters -= length
    return " ".join(words)


def _luma(color: Color) -> float:
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
