"""Line art: drawings of lines about one pixel wide."""

import numpy as np
import numpy.typing as npt

from hiir.datasets.synthetic_images.paint import Canvas, draw_contrast
from hiir.imaging import Uint8Pixels

__all__ = ["draw_lines"]


def draw_lines(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw curves, polygons, hatching and grids in one ink: ``(side, side, 3)`` uint8."""
    ground, ink = draw_contrast(random)
    canvas = Canvas(side, ground, smooth=bool(random.random() < 0.5))
    width = int(random.choice([1, 1, 1, 2, 3]))
    for _ in range(int(random.integers(2, 9))):
        match random.integers(5):
            case 0:
                _stroke(canvas, _curve(random, side), ink, width)
            case 1:
                _grid(canvas, random, ink, width)
            case 2:
                _hatching(canvas, random, ink, width)
            case 3:
                x, y = random.uniform(-0.2 * side, side, 2)
                across, down = random.uniform(2, side + 2, 2)
                box = canvas.at(x, y, x + across, y + down)
                canvas.pen.ellipse(box, outline=ink, width=width * canvas.scale)
            case _:
                corners = random.uniform(-0.1 * side, 1.1 * side, (int(random.integers(2, 6)), 2))
                _stroke(canvas, np.vstack([corners, corners[:1]]), ink, width)
    return canvas.pixels()


def _stroke(
    canvas: Canvas, points: npt.NDArray[np.float64], ink: tuple[int, int, int], width: int
) -> None:
    flat = canvas.at(*points.ravel().tolist())
    canvas.pen.line(flat, fill=ink, width=width * canvas.scale, joint="curve")


def _curve(random: np.random.Generator, side: int) -> npt.NDArray[np.float64]:
    """A cubic Bezier curve, as drawing programs write it."""
    knots = random.uniform(-0.2 * side, 1.2 * side, (4, 2))
    t = np.linspace(0, 1, 64)[:, None]
    weights = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    return np.asarray(weights @ knots)


def _grid(
    canvas: Canvas, random: np.random.Generator, ink: tuple[int, int, int], width: int
) -> None:
    """Rows and columns of a table, on whole pixels."""
    pitch = int(random.integers(4, 48))
    left, top = (int(v) for v in random.integers(0, max(canvas.side // 2, 1), 2))
    count = int(random.integers(2, 9))
    reach = pitch * count
    for index in range(count + 1):
        x, y = left + index * pitch, top + index * pitch
        for line in ((x, top, x, top + reach), (left, y, left + reach, y)):
            # A line of even width on a whole pixel would be smeared over two by averaging.
            half = 0.5 * (canvas.scale > 1)
            shifted = [value + half for value in line]
            canvas.pen.line(canvas.at(*shifted), fill=ink, width=width * canvas.scale)


def _hatching(
    canvas: Canvas, random: np.random.Generator, ink: tuple[int, int, int], width: int
) -> None:
    """Parallel lines within a window, as in engravings."""
    angle, pitch = random.uniform(0, np.pi), random.uniform(3, 12)
    center, reach = random.uniform(0, canvas.side, 2), random.uniform(0.1, 0.5) * canvas.side
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    for offset in np.arange(-reach, reach, pitch):
        ends = [center + across * offset + along * reach * sign for sign in (-1, 1)]
        _stroke(canvas, np.array(ends), ink, width)
