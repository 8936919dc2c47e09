"""Detection of visible seams between tiles."""

from itertools import pairwise

import numpy as np

from hiir.errors import HiirError
from hiir.imaging import FloatPixels, TilePlan

__all__ = ["SeamError", "seam_excess"]


class SeamError(HiirError):
    """Tiles overlap so much that a seam cannot be distinguished from the image."""


def seam_excess(image: FloatPixels, plan: TilePlan, *, scale: int = 1, stretch: int = 0) -> float:
    """Return by how much the steps at the seams of tiles exceed all other steps.

    The step of a line is its difference to the previous line beyond the differences of nearby
    lines, so that a slope has none. It is averaged over the line, or over its worst stretch. Tiles
    are blended over the middle half of their overlap and end at its borders: all lines of the
    overlap are compared with the largest step of all other lines of the same direction.

    Args:
        image: ``(H, W, C)`` float32 on the scale of [0, 1], restored in tiles.
        plan: the tiles, before `scale`.
        stretch: length in pixels; 0 for whole lines, so that edges in the picture do not count as
            seams.

    Returns:
        The largest difference on the scale of [0, 1]; 0 or less if no seam is visible.

    Raises:
        SeamError: if the overlap leaves hardly any line that belongs to one tile only.
    """
    excesses = []
    for axis, spans in enumerate((plan.rows, plan.columns)):
        shared = [(later.start * scale, earlier.end * scale) for earlier, later in pairwise(spans)]
        if not shared:
            continue
        # Half of the middle half: from within a fade, lines so far away are beyond it.
        reach = max(end - start for start, end in shared) // 4 + 1
        steps = _steps(np.moveaxis(image, axis, 0), reach, stretch)
        # `steps[i]` is of the border between the lines i + reach and i + reach + 1.
        borders = np.arange(len(steps)) + reach + 1
        near = np.zeros(len(steps), bool)
        beside = near.copy()
        for start, end in shared:
            near |= (start <= borders) & (borders <= end)
            # A step also changes what the lines beside it are compared with.
            beside |= (start - reach <= borders) & (borders <= end + reach)
        if beside.all() or not near.any():
            raise SeamError(f"tiles of {spans[0].size} leave too little between what they share")
        excesses.append(float(steps[near].max() - steps[~beside].max()))
    return max(excesses, default=0.0)


def _steps(lines: FloatPixels, reach: int, stretch: int) -> FloatPixels:
    """The steps of all lines that are at least `reach` lines from the border."""
    rises = np.diff(lines, axis=0)
    inner = len(rises) - 2 * reach
    beyond = rises[reach:-reach] - (rises[:inner] + rises[2 * reach :]) / 2
    step = np.abs(beyond).mean(axis=2)
    parts = np.array_split(step, max(step.shape[1] // stretch, 1) if stretch else 1, axis=1)
    steps: FloatPixels = np.max([part.mean(axis=1) for part in parts], axis=0)
    return steps
