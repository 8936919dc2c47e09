"""Crops of real pairs: both photos are cropped, flipped and rotated together."""

from collections.abc import Sequence

import numpy as np

from hiir.datasets.packed_pairs import PackedPairs
from hiir.datasets.photo_files import ColorMode, to_gray, to_luma
from hiir.imaging import FloatPixels, Uint8Pixels, Uint16Pixels, from_unit, to_unit

__all__ = ["PairCrops"]


class PairCrops:
    """Random crops of the pairs of one or more data sets."""

    def __init__(self, sets: Sequence[tuple[PackedPairs, float]], *, color: ColorMode) -> None:
        """Create the source.

        Args:
            sets: data sets, each with its share of all patches of a run; the sum is at most 1.
            color: color mode that images are converted to.
        """
        self._pools = [pool for pool, _ in sets]
        self._bounds = np.cumsum([share for _, share in sets])
        self._color = color

    @property
    def share(self) -> float:
        """The share of a run's patches that come from pairs; a recipe degrades the others."""
        return float(self._bounds[-1])

    def draw(self, random: np.random.Generator, side: int) -> tuple[FloatPixels, FloatPixels]:
        """Draw a crop; it depends only on the state of the generator.

        The two views of a dual-pixel sensor differ by a horizontal shift. They are not rotated, and
        a horizontal flip also exchanges the views.

        Args:
            random: random generator.
            side: side of the clean crop in pixels, a multiple of the scale.

        Returns:
            The degraded ``(side / scale, side / scale, C * views)`` and the clean ``(side, side,
            C)`` crop, float32 [0, 1].
        """
        chosen = int(np.searchsorted(self._bounds, random.uniform(0, self.share), side="right"))
        pool = self._pools[min(chosen, len(self._pools) - 1)]
        pair = pool[int(random.integers(len(pool)))]
        scale = pair.scale
        top = int(random.integers(pair.degraded.shape[0] - side // scale + 1))
        left = int(random.integers(pair.degraded.shape[1] - side // scale + 1))
        degraded = pair.degraded[top : top + side // scale, left : left + side // scale]
        top, left = top * scale, left * scale
        clean = pair.clean[top : top + side, left : left + side]
        views = np.split(degraded, degraded.shape[2] // 3, axis=2)
        turns, upside_down, mirrored = (int(random.integers(n)) for n in (4, 2, 2))
        images = [self._in_color(image) for image in (*views, clean)]
        if len(views) == 1:
            images = [np.rot90(image, turns) for image in images]
        elif upside_down:
            images = [image[::-1] for image in images]
        if mirrored:
            images = [image[:, ::-1] for image in images]
            images[:-1] = images[-2::-1]
        return np.concatenate(images[:-1], axis=2), np.ascontiguousarray(images[-1])

    def _in_color(self, pixels: Uint8Pixels | Uint16Pixels) -> FloatPixels:
        if self._color is ColorMode.RGB:
            return to_unit(pixels)
        levels = from_unit(to_unit(pixels), np.uint8)
        return to_unit(to_gray(levels) if self._color is ColorMode.GRAY else to_luma(levels))
