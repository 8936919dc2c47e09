"""Raindrops on a window in front of the lens; each refracts the scene like a wide-angle lens."""

import numpy as np
import numpy.typing as npt

from hiir.degradations.convolution import convolve, disk
from hiir.degradations.depth import smooth_field
from hiir.imaging import FloatPixels

__all__ = ["add_raindrops"]

_FIELD = 4.0  # a drop shows about so many times its own width, upside down


def add_raindrops(
    image: FloatPixels,
    random: np.random.Generator,
    *,
    amount: float,
    size: float,
    softness: float = 2.0,
) -> FloatPixels:
    """Add raindrops on a window pane that is out of focus; they refract the scene.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        random: generator that the drops are drawn from.
        amount: approximate share of the pane that drops cover, 0 to 1.
        size: diameter of large drops in pixels.
        softness: radius in pixels of the blur of the outlines and of the refracted scene.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    height = _heights((image.shape[0], image.shape[1]), random, amount=amount, size=size)
    down, right = np.gradient(height)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    # A convex drop bends a ray towards the side that it leans to: the view turns upside down.
    bend = np.float32(_FIELD * size / 4)
    refracted = _sample(image, rows + bend * down, columns + bend * right)
    refracted = convolve(refracted, disk(softness))
    # The rim, where the surface is steep, is darker; the lower half gathers light from the sky.
    slope = np.hypot(down, right)
    rim = np.clip(slope / 1.2, 0, 1) * (height > 0)
    glint = np.clip(-down / 1.2, -0.3, 1) * (height > 0)
    shading = convolve(np.stack([rim, glint], axis=2).astype(np.float32), disk(softness + 1))
    lit = (1 - 0.3 * shading[..., :1]) * refracted + 0.18 * shading[..., 1:]
    inside = np.asarray(lit, np.float32)
    mask = convolve((height > 0).astype(np.float32)[..., None], disk(softness + 0.5))
    mask = np.clip(mask, 0, 1)
    return np.asarray(np.clip(image * (1 - mask) + inside * mask, 0, 1), np.float32)


def _heights(
    shape: tuple[int, int], random: np.random.Generator, *, amount: float, size: float
) -> npt.NDArray[np.float32]:
    """Thickness of the water on the pane in pixels; 0 where it is dry."""
    height = np.zeros(shape, np.float32)
    wanted, covered = amount * shape[0] * shape[1], 0.0
    warp = smooth_field(shape, random, cells=max(2, int(min(shape) / max(size, 4)))) - 0.5
    while covered < wanted:
        # Many small drops, few large ones; gravity elongates the large ones.
        radius = max(size / 2 * random.beta(1.2, 3.5) * 1.6, 1.5)
        stretch = 1 + 0.5 * random.random() * min(1, 2 * radius / size)
        row, column = random.uniform(0, shape[0]), random.uniform(0, shape[1])
        reach = int(np.ceil(radius * stretch * 1.3)) + 1
        top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
        window = np.s_[top : int(row) + reach + 1, left : int(column) + reach + 1]
        rows, columns = np.mgrid[window].astype(np.float32)
        rows, columns = rows[: height[window].shape[0]], columns[: height[window].shape[0]]
        rows, columns = rows[:, : height[window].shape[1]], columns[:, : height[window].shape[1]]
        fall = (rows - row) / stretch
        # A hanging drop is narrower above than below.
        across = (columns - column) * (1 - 0.12 * fall / radius)
        distance = np.hypot(fall, across) / radius + 0.9 * warp[window]
        cap = radius * 0.5 * np.sqrt(np.clip(1 - distance**2, 0, None))
        # Drops that touch run together.
        height[window] = np.maximum(height[window], cap.astype(np.float32))
        covered += np.pi * radius**2 * stretch
    return height


def _sample(
    image: FloatPixels, rows: npt.NDArray[np.float32], columns: npt.NDArray[np.float32]
) -> FloatPixels:
    """Sample at fractional positions, bilinearly; the image is mirrored at its borders."""
    height, width, _ = image.shape
    base_row, base_column = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    part_row, part_column = (rows - base_row)[..., None], (columns - base_column)[..., None]
    sampled = np.zeros_like(image)
    for row in (0, 1):
        for column in (0, 1):
            weight = np.abs(1 - row - part_row) * np.abs(1 - column - part_column)
            taken = image[_mirror(base_row + row, height), _mirror(base_column + column, width)]
            sampled += (weight * taken).astype(np.float32)
    return sampled


def _mirror(index: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    folded = index % (2 * length)
    return np.asarray(np.minimum(folded, 2 * length - 1 - folded), np.int64)
