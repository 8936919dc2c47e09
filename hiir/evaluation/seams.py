"""Whether an image shows where its tiles meet."""

import numpy as np

from hiir.imaging import FloatPixels, TilePlan

__all__ = ["seam_excess"]


def seam_excess(image: FloatPixels, plan: TilePlan, *, scale: int = 1) -> float:
    """How much larger the step across a tile's border is than anywhere else.

    The step of a line is the mean over it of how far it rises beyond what its neighbours rise,
    which is nothing on a slope. The lines are those at which a tile begins or ends, against the
    largest of all others of the same direction.

    Args:
        image: ``(H, W, C)`` float32 on the scale of [0, 1], restored in tiles.
        plan: the tiles, before `scale`.

    Returns:
        The largest difference on the scale of [0, 1]; 0 or less where no seam stands out.
    """
    excesses = []
    for axis, starts in enumerate((plan.tops, plan.lefts)):
        lines = np.moveaxis(image, axis, 0)
        rises = np.diff(lines, axis=0)
        middle = rises[1:-1] - (rises[:-2] + rises[2:]) / 2
        steps = np.abs(middle).mean(axis=tuple(range(1, middle.ndim)))
        borders = {start * scale for start in starts[1:]}
        borders |= {(start + plan.tile) * scale for start in starts[:-1]}
        # `steps[i]` is of the border between the lines i + 1 and i + 2.
        at = np.isin(np.arange(len(steps)) + 2, sorted(borders))
        # A step bends the lines beside it, too.
        beside = np.convolve(at, (1, 1, 1), "same") > 0
        if at.any() and not beside.all():
            excesses.append(float(steps[at].max() - steps[~beside].max()))
    return max(excesses, default=0.0)
