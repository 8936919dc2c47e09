"""Charts: axes with ticks, bars, lines, points and sectors, with a legend."""

import numpy as np
from PIL import ImageDraw

from hiir.datasets.synthetic_images.paint import Canvas, draw_color, draw_contrast, draw_words
from hiir.imaging import Uint8Pixels

__all__ = ["draw_chart"]


def draw_chart(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw one chart that fills the picture: ``(side, side, 3)`` uint8."""
    ground, ink = draw_contrast(random)
    canvas = Canvas(side, ground, smooth=bool(random.random() < 0.7))
    pen, unit = canvas.pen, canvas.scale
    low, high = 0.15 * side, 0.92 * side
    if random.random() < 0.5:
        faint = tuple((3 * g + i) // 4 for g, i in zip(ground, ink, strict=True))
        for place in np.linspace(low, high, int(random.integers(4, 12))):
            pen.line(canvas.at(low, place, high, place), fill=faint, width=unit)
    match random.integers(4):
        case 0:
            _bars(canvas, random, low, high)
        case 1:
            _sectors(canvas, random)
        case 2:
            for _ in range(int(random.integers(1, 5))):
                x = np.linspace(low, high, int(random.integers(5, 60)))
                y = np.clip(np.cumsum(random.normal(0, side / 30, len(x))) + side / 2, low, high)
                points = canvas.at(*np.stack([x, y], axis=1).ravel().tolist())
                pen.line(points, fill=draw_color(random), width=unit * int(random.integers(1, 4)))
        case _:
            paint, radius = draw_color(random), random.uniform(1, 4)
            for x, y in random.uniform(low, high, (int(random.integers(5, 120)), 2)):
                pen.ellipse(canvas.at(x - radius, y - radius, x + radius, y + radius), fill=paint)
    pen.line(canvas.at(low, low, low, high, high, high), fill=ink, width=unit)
    size = int(random.integers(8, 15))
    for place in np.linspace(low, high, int(random.integers(3, 8))):
        pen.line(canvas.at(low - 3, place, low, place), fill=ink, width=unit)
        pen.line(canvas.at(place, high, place, high + 3), fill=ink, width=unit)
        label = f"{random.uniform(0, 100):.{random.integers(0, 2)}f}"
        canvas.write(1, place - 6, label, paint=ink, size=size)
    canvas.write(low, 2, draw_words(random, 20), paint=ink, size=size)
    return canvas.pixels()


def _bars(canvas: Canvas, random: np.random.Generator, low: float, high: float) -> None:
    count = int(random.integers(2, 16))
    width = (high - low) / count
    paint = draw_color(random)
    for index in range(count):
        left = low + index * width + 1
        top = random.uniform(low, high - 1)
        box = canvas.at(left, top, max(left + 0.8 * width, left + 1), high)
        canvas.pen.rectangle(box, fill=paint if random.random() < 0.7 else draw_color(random))


def _sectors(canvas: Canvas, random: np.random.Generator) -> None:
    pen: ImageDraw.ImageDraw = canvas.pen
    box = canvas.at(0.2 * canvas.side, 0.2 * canvas.side, 0.85 * canvas.side, 0.85 * canvas.side)
    ends = np.sort(random.uniform(0, 360, int(random.integers(2, 9))))
    for begin, end in zip(ends, [*ends[1:], ends[0] + 360], strict=True):
        pen.pieslice(box, float(begin), float(end), fill=draw_color(random))
