"""Drops on a window in front of the lens: small, unfocused wide-angle views of the scene."""

import numpy as np
import numpy.typing as npt

from hiir.degradations.convolution import convolve, disk
from hiir.degradations.resample import ResizeFilter, resample
from hiir.imaging import FloatPixels

__all__ = ["add_window_drops", "draw_drop_shape"]

_DETAIL = 4  # pixels of the scene per sample of what drops show of it


def add_window_drops(
    image: FloatPixels,
    random: np.random.Generator,
    *,
    count: int,
    radius: tuple[float, float],
    defocus: float,
    opacity: float,
    dimming: float,
) -> FloatPixels:
    """Add drops on a window pane that the lens is not focused on.

    A drop shows a large part of the scene, upside down, in its small area (Qian et al., 2018): its
    color is closer to that of the surroundings than to that of the pixels that it covers. All drops
    are equally out of focus, so that small ones are faint.

    Args:
        image: ``(H, W, C)`` float32 [0, 1].
        random: generator that the drops are drawn from.
        count: number of drops within the picture.
        radius: range of the radius in pixels, drawn uniformly in its logarithm.
        defocus: radius in pixels of the blur of the pane.
        opacity: opacity of a drop, 0 to 1; thin water transmits some of the scene.
        dimming: share of the light that a drop absorbs, 0 to 1.

    Returns:
        ``(H, W, C)`` float32 [0, 1].
    """
    height, width, channels = image.shape
    scene = resample(
        image,
        (max(height // _DETAIL, 1), max(width // _DETAIL, 1)),
        kernel=ResizeFilter.AREA,
    )
    # Drops see the sky above the picture as well, in their lower half.
    sky = np.full(channels, max(random.uniform(0.4, 0.95), np.quantile(image, 0.8)), np.float32)
    share, field = random.uniform(0.2, 0.9), random.uniform(0.3, 0.9)
    water = np.zeros((height, width, channels + 1), np.float32)
    for _ in range(count):
        size = float(np.exp(random.uniform(*np.log(radius))))
        row, column = random.uniform(0, height), random.uniform(0, width)
        shape = draw_drop_shape(size, random)
        reach = shape.shape[0] // 2
        top, left = int(row) - reach, int(column) - reach
        rows = slice(max(top, 0), min(top + 2 * reach + 1, height))
        columns = slice(max(left, 0), min(left + 2 * reach + 1, width))
        first, start = rows.start - top, columns.start - left
        cover = shape[first:, start:][: rows.stop - rows.start, : columns.stop - columns.start]
        # From -1 to 1 over the drop; its view is rotated by 180 degrees.
        down, right = (
            (np.arange(part.start, part.stop) - middle) / (1.2 * size)
            for part, middle in ((rows, row), (columns, column))
        )
        view = _turned_view(scene, down, right, place=(row / height, column / width), field=field)
        above = np.clip(0.4 + 0.8 * down, 0, 1)[:, None, None].astype(np.float32) * share
        view = (view * (1 - above) + sky * above) * np.float32(1 - dimming)
        ink = cover[..., None]
        target = water[rows, columns]
        target *= 1 - ink
        target += np.concatenate([view * ink, ink], axis=2)
    if defocus > 0:
        water = np.maximum(convolve(water, disk(defocus), precise=False), 0)
    clear = 1 - np.float32(opacity) * np.minimum(water[..., -1:], 1)
    return np.asarray(np.clip(image * clear + opacity * water[..., :-1], 0, 1), np.float32)


def draw_drop_shape(radius: float, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw the coverage of one drop: up to three merged drops, elongated by gravity.

    Args:
        radius: radius of the drop in pixels.
        random: generator that the shape is drawn from.

    Returns:
        ``(n, n)`` float32 with odd n, from 0 outside to 1 inside.
    """
    parts = int(random.choice([1, 1, 1, 2, 3]))
    reach = int(np.ceil((1.4 if parts == 1 else 2.6) * radius)) + 1
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    field = np.zeros_like(rows)
    stretch = random.uniform(1, 1.4)
    for index in range(parts):
        share = 1.0 if index == 0 else random.uniform(0.4, 0.8)
        row, column = random.uniform(-1, 1, 2) * radius * (index > 0)
        distance = ((rows - row) / stretch) ** 2 + (columns - column) ** 2
        field += (share * radius) ** 2 / np.maximum(distance, 0.25)
    # The sum of inverse squares is 1 at the rim; its square root is a distance there.
    edge = (np.sqrt(field) - 1) * radius
    return np.asarray(np.clip(edge + 0.5, 0, 1), np.float32)


def _turned_view(
    scene: FloatPixels,
    down: npt.NDArray[np.float64],
    right: npt.NDArray[np.float64],
    *,
    place: tuple[float, float],
    field: float,
) -> FloatPixels:
    """Return the view that a drop at a position shows: ``(rows, columns, C)``, upside down.

    ``field`` is the part of the scene that a drop shows from its center to its rim.
    """
    indices = []
    for offsets, length, center in (
        (down, scene.shape[0], place[0]),
        (right, scene.shape[1], place[1]),
    ):
        # Half way between where the drop is and the middle of the scene: drops see far around.
        seen = (0.25 + 0.5 * center - field * offsets) * length
        folded = seen.astype(np.int64) % (2 * length)
        indices.append(np.minimum(folded, 2 * length - 1 - folded))
    return np.asarray(scene[np.ix_(*indices)])
