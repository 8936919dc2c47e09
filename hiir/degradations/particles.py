"""Kernels of rain streaks and snowflakes, and the airlight of the sky behind them."""

import numpy as np
import numpy.typing as npt

from hiir.imaging import FloatPixels

__all__ = ["draw_airlight", "flake_kernel", "streak_kernel"]


def streak_kernel(length: float, width: float, angle: float) -> npt.NDArray[np.float64]:
    """Return a streak that fades towards its ends; its maximum is 1.

    Args:
        length: length in pixels.
        width: width in pixels.
        angle: angle from the vertical in radians.

    Returns:
        ``(h, w)`` float64 with odd sides, 0 to 1.
    """
    reach = int(np.ceil(length / 2 + width)) + 1
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    along = rows * np.cos(angle) + columns * np.sin(angle)
    across = columns * np.cos(angle) - rows * np.sin(angle)
    ends = np.clip(1 - np.abs(2 * along / length) ** 4, 0, 1)
    profile: npt.NDArray[np.float64] = ends * np.exp(-0.5 * (across / (0.45 * width + 0.15)) ** 2)
    return np.asarray(profile / profile.max())


def flake_kernel(
    diameter: float, *, angle: float, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return a soft, irregular flake that is elongated along its fall; its maximum is 1.

    Args:
        diameter: diameter in pixels.
        angle: angle of the fall from the vertical in radians.
        random: generator of the shape.
    """
    stretch = random.uniform(1.0, 1.8)
    reach = int(np.ceil(diameter * stretch / 2)) + 2
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    along = (rows * np.cos(angle) + columns * np.sin(angle)) / stretch
    across = columns * np.cos(angle) - rows * np.sin(angle)
    turn = np.arctan2(along, across)
    waves = random.uniform(-0.12, 0.12, 3)
    uneven = 1 + sum(waves[k] * np.cos((k + 2) * turn + 9 * waves[k - 1]) for k in range(3))
    edge = np.clip((diameter / 2 * uneven - np.hypot(along, across)) / (0.6 * diameter) + 0.5, 0, 1)
    profile: npt.NDArray[np.float64] = edge**2 * (3 - 2 * edge)
    return np.asarray(profile / max(profile.max(), 1e-9))


def draw_airlight(image: FloatPixels, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw the color of an overcast sky that suits the image: nearly gray, of dusk or of day.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        random: generator that the color is drawn from.

    Returns:
        ``(C,)`` float32 [0, 1].
    """
    bright = float(np.quantile(image, 0.9))
    level = np.clip(random.uniform(0.4, 1.0) * (0.5 + 0.5 * bright), 0.3, 1.0)
    tint = random.normal(0, 0.01, image.shape[2])
    return np.asarray(np.clip(level + tint, 0, 1), np.float32)
