"""Transparency: a model processes only colors; alpha neither influences nor is changed by them."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from hiir.imaging.pixels import Pixels, white

BLEED_MARGIN = 64
"""Pixels above and below a band that determine the colors of its hidden pixels.

This is more than the receptive field of a network.
"""
_KERNEL = 2  # radius of bicubic enlargement, in pixels


def bleed(color: Pixels, alpha: Pixels) -> Pixels:
    """Fill fully transparent pixels of `(H, W, C)` with the colors around them; alpha is `(H, W)`.

    The colors of fully transparent pixels are arbitrary, often black, and a network would mix them
    into the visible edge. The visible pixels are averaged on ever coarser grids until every cell
    has a color; the averages then fill only the transparent pixels.
    """
    visible = alpha > 0
    if visible.all() or not visible.any():
        return color
    filled = color.copy()
    filled[~visible] = _flow(color.astype(np.float32), visible.astype(np.float32))[~visible]
    return filled


def _flow(color: npt.NDArray[np.float32], weight: npt.NDArray[np.float32]) -> Pixels:
    """Return `(H, W, C)` in which every pixel of weight 0 is replaced by the mean around it."""
    if weight.min() > 0 or max(weight.shape) == 1:
        return color
    weighted = _halve(color * weight[..., np.newaxis])
    total = _halve(weight[..., np.newaxis])
    coarse = _flow(
        weighted / np.maximum(total, np.finfo(np.float32).tiny), np.minimum(total[..., 0], 1)
    )
    spread = coarse.repeat(2, axis=0).repeat(2, axis=1)[: weight.shape[0], : weight.shape[1]]
    return np.where(weight[..., np.newaxis] > 0, color, np.rint(spread))


def _halve(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the sums over 2 x 2 squares; the last line of an odd side counts only once."""
    for axis in (0, 1):
        values = np.add.reduceat(values, np.arange(0, values.shape[axis], 2), axis=axis)
    return values


def flatten(color: Pixels, alpha: Pixels, background: tuple[int, ...]) -> Pixels:
    """Composite `(H, W, C)` over 8-bit background levels; a gray image may have three of them."""
    level = white(color.dtype)
    share = alpha[..., np.newaxis].astype(np.float32) / np.float32(level)
    below = np.asarray(background, np.float32) * np.float32(level / 255)
    mixed = color * share + below * (1 - share)
    return cast("Pixels", np.rint(mixed).astype(color.dtype))


def enlarge_rows(alpha: Any, *, top: int, bottom: int, scale: int) -> Pixels:
    """Return rows `top` to `bottom` (exclusive) of alpha, enlarged bicubically by `scale`.

    `alpha` is `(H, W)`, an array or a file of rows. Constant areas stay exactly constant. The rows
    are identical to those of the whole image enlarged at once.
    """
    height, width = alpha.shape[:2]
    first, last = top // scale, -(-bottom // scale)
    low, high = max(first - _KERNEL - 1, 0), min(last + _KERNEL + 1, height)
    rows = alpha[low:high]
    if scale == 1:
        return cast("Pixels", rows[first - low : last - low])
    if (rows == rows.flat[0]).all():
        return np.full((bottom - top, width * scale), rows.flat[0], rows.dtype)
    levels = Image.fromarray(rows.astype(np.float32))
    size = (width * scale, (last - first) * scale)
    box = (0, first - low, width, last - low)
    grown = np.asarray(levels.resize(size, Image.Resampling.BICUBIC, box=box))
    grown = np.clip(np.rint(grown), 0, white(rows.dtype)).astype(rows.dtype)
    return cast("Pixels", grown[top - first * scale : bottom - first * scale])
