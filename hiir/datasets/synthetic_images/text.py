"""Text at the sizes of screens and scans: 8 to 20 pixels."""

import numpy as np
from PIL import Image, ImageDraw

from hiir.datasets.synthetic_images.paint import draw_color, draw_contrast, draw_words, load_font
from hiir.imaging import Uint8Pixels

__all__ = ["draw_text"]


def draw_text(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw lines of words in one size, some vertical, some with colored words or rules.

    Half of the pictures are anti-aliased. Returns ``(side, side, 3)`` uint8.
    """
    ground, ink = draw_contrast(random)
    picture = Image.new("RGB", (side, side), ground)
    pen = ImageDraw.Draw(picture)
    pen.fontmode = "L" if random.random() < 0.5 else "1"
    font = load_font(int(random.integers(8, 21)))
    bold = int(font.size >= 14 and random.random() < 0.25)
    # A fractional pitch, and a fractional column below: letters lie between pixels as well.
    pitch = font.size * random.uniform(1.05, 1.8)
    x = random.uniform(-0.3, 0.3) * side
    colored = random.random() < 0.3
    for y in np.arange(random.uniform(-pitch, pitch), side, pitch):
        if random.random() < 0.08:
            pen.line((0, int(y), side, int(y)), fill=ink)
            continue
        words = draw_words(random, int(random.integers(4, 2 * side // int(font.size) + 6)))
        paint = draw_color(random) if colored and random.random() < 0.3 else ink
        pen.text((x, float(y)), words, fill=paint, font=font, stroke_width=bold)
    pixels = np.asarray(picture)
    return np.ascontiguousarray(np.rot90(pixels)) if random.random() < 0.1 else pixels
