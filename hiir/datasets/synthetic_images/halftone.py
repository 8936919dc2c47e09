"""Halftone: gradients printed with dots, in one ink or in four."""

import numpy as np
import numpy.typing as npt

from hiir.datasets.synthetic_images.shapes import draw_gradient
from hiir.imaging import Uint8Pixels

__all__ = ["draw_halftone"]

# Angles in degrees that presses turn the screens of cyan, magenta, yellow and black by.
_ANGLES = (15, 75, 0, 45)


def draw_halftone(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw a gradient in dots whose size depends on the tone: ``(side, side, 3)`` uint8."""
    tones = draw_gradient(random, side).astype(np.float64) / 255
    pitch, smooth = random.uniform(3, 10), bool(random.random() < 0.7)
    if random.random() < 0.5:
        gray = tones.mean(axis=2)
        printed = _screen(gray, pitch=pitch, angle=random.uniform(0, 90), smooth=smooth)
        values = np.repeat(printed[..., None], 3, axis=2)
    else:
        values = np.stack(
            [
                _screen(tones[..., index], pitch=pitch, angle=_ANGLES[index], smooth=smooth)
                for index in range(3)
            ],
            axis=2,
        )
    pixels: Uint8Pixels = np.rint(values * 255).astype(np.uint8)
    return pixels


def _screen(
    tone: npt.NDArray[np.float64], *, pitch: float, angle: float, smooth: bool
) -> npt.NDArray[np.float64]:
    """Threshold the tone with a pattern of dots: from 0 for ink to 1 for paper."""
    turn = np.radians(angle)
    rows, columns = np.mgrid[: tone.shape[0], : tone.shape[1]]
    u = (np.cos(turn) * columns + np.sin(turn) * rows) * 2 * np.pi / pitch
    v = (np.cos(turn) * rows - np.sin(turn) * columns) * 2 * np.pi / pitch
    threshold = 0.5 + 0.25 * (np.cos(u) + np.cos(v))
    # A rim as wide as a pixel: the field climbs by so much from one to the next.
    rim = np.pi / (2 * pitch) if smooth else 1e-9
    return np.asarray(np.clip((tone - threshold) / rim + 0.5, 0, 1))
