"""Random depth maps of scenes, because photos come without one."""

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["draw_layers", "draw_outline", "draw_relief", "smooth_field"]


def smooth_field(
    shape: tuple[int, int], random: np.random.Generator, *, cells: int
) -> npt.NDArray[np.float32]:
    """Draw a smooth random surface.

    Args:
        shape: rows and columns.
        random: generator that the surface is drawn from.
        cells: approximate number of hills along a side.

    Returns:
        ``(H, W)`` float32 from 0 to 1.
    """
    knots = random.random((cells + 3, cells + 3))
    field = knots
    for axis in (0, 1):
        places = np.linspace(0, cells, shape[axis])
        base = np.minimum(places.astype(np.int64), cells - 1)
        t = (places - base)[:, None]
        # Uniform cubic B-spline: smooth everywhere, and within the range of its knots.
        weights = np.concatenate(
            [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1
        )
        taps = np.moveaxis(field, axis, 0)[base[:, None] + np.arange(4)]
        field = np.moveaxis(np.einsum("ik,ik...->i...", weights / 6, taps), 0, axis)
    low, high = field.min(), field.max()
    return np.asarray((field - low) / max(high - low, 1e-12), np.float32)


def draw_relief(shape: tuple[int, int], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw the depth of an outdoor scene: near at the bottom, far at the top, with hills.

    Args:
        shape: rows and columns.
        random: generator that the scene is drawn from.

    Returns:
        ``(H, W)`` float32 from 0 (near) to 1 (far).
    """
    slope = np.linspace(1, 0, shape[0], dtype=np.float32)[:, None] ** random.uniform(0.5, 2)
    hills = smooth_field(shape, random, cells=int(random.integers(2, 6)))
    share = random.uniform(0.2, 0.5)
    return np.asarray((1 - share) * slope + share * hills, np.float32)


def draw_outline(
    shape: tuple[int, int], random: np.random.Generator, *, size: tuple[float, float]
) -> npt.NDArray[np.bool_]:
    """Draw the mask of a round object with a wavy outline at a random position.

    Args:
        shape: rows and columns.
        random: generator of the position, the size and the outline.
        size: range of the mean radius, as a share of the sides.

    Returns:
        ``(H, W)`` bool, true inside the object.
    """
    row, column = random.uniform(-0.5, 0.5, 2)
    waves = random.uniform(-0.25, 0.25, 4)
    mean = random.uniform(*size)
    # In torch, whose sines are computed by vectors of the processor: a fifth of numpy's time.
    down = (torch.linspace(-0.5, 0.5, shape[0]) - row)[:, None]
    right = torch.linspace(-0.5, 0.5, shape[1]) - column
    angle = torch.atan2(down, right)
    outline = torch.ones(shape)
    for k in range(4):
        outline += waves[k] * torch.sin((k + 2) * angle + 7 * waves[k - 1])
    return np.asarray((torch.hypot(down, right) < mean * outline).numpy())


def draw_layers(
    shape: tuple[int, int], random: np.random.Generator, *, objects: int
) -> npt.NDArray[np.float32]:
    """Draw the depth of objects in front of a background: smooth inside, discontinuous at outlines.

    Args:
        shape: rows and columns.
        random: generator that the scene is drawn from.
        objects: number of objects.

    Returns:
        ``(H, W)`` float32 from 0 (near) to 1 (far).
    """
    tilt = random.uniform(-0.4, 0.4, size=2)
    rows, columns = np.mgrid[-0.5 : 0.5 : shape[0] * 1j, -0.5 : 0.5 : shape[1] * 1j]
    depth = random.uniform(0.5, 1) + tilt[0] * rows + tilt[1] * columns
    # From far to near: near objects cover far ones.
    for nearness in np.sort(random.uniform(0, 0.9, objects))[::-1]:
        inside = draw_outline(shape, random, size=(0.08, 0.3))
        depth = np.where(inside, nearness + 0.1 * tilt[1] * columns, depth)
    return np.asarray(np.clip(depth, 0, 1), np.float32)
