"""Clean patches and their degraded versions, every batch a function of seed and step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiir.datasets.drawn import draw_picture
from hiir.datasets.photo import Colour, to_gray, to_luma
from hiir.datasets.pool import ImagePool
from hiir.degradations.recipe import Recipe
from hiir.imaging import FloatPixels, Uint8Pixels, to_unit

__all__ = ["Batch", "DegradedPatches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Input and target, ``(B, C, H, W)`` float32; the target in [0, 1], noise is not clipped."""

    degraded: Tensor
    clean: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Copy to a device, without waiting if the memory is pinned."""
        return Batch(
            degraded=self.degraded.to(device, non_blocking=True),
            clean=self.clean.to(device, non_blocking=True),
        )

    def pin_memory(self) -> "Batch":
        """Move to memory that a GPU copies from by itself."""
        return Batch(degraded=self.degraded.pin_memory(), clean=self.clean.pin_memory())


class DegradedPatches:
    """Random crops, flipped and turned, each degraded by a recipe in a way of its own."""

    def __init__(
        self,
        *,
        pool: ImagePool,
        recipe: Recipe,
        colour: Colour,
        seed: int,
        drawn_share: float = 0.0,
    ) -> None:
        """Describe the stream.

        Args:
            pool: clean images, with sides of at least a patch and the recipe's margin around it.
            recipe: what is done to a patch.
            colour: what patches are turned into first.
            seed: of the run.
            drawn_share: of the patches, drawn instead of cut from a photo.
        """
        self._pool = pool
        self._recipe = recipe
        self._colour = colour
        self._seed = seed
        self._drawn_share = drawn_share

    def batch(self, step: int, *, size: int, patch: int, first: int = 0) -> Batch:
        """Draw patches of one step.

        A patch depends on seed, step and its number alone: however many processes share a batch,
        together they draw the same patches.

        Args:
            step: counted from 0.
            size: number of patches.
            patch: side of the clean patch in pixels, a multiple of the recipe's scale.
            first: number of the first patch within the step.
        """
        pairs = [self._pair(step, number, patch) for number in range(first, first + size)]
        return Batch(
            degraded=_stack([degraded for degraded, _ in pairs]),
            clean=_stack([clean for _, clean in pairs]),
        )

    def _pair(self, step: int, number: int, patch: int) -> tuple[FloatPixels, FloatPixels]:
        random = np.random.default_rng((self._seed, step, number))
        side = patch + 2 * self._recipe.margin
        # No draw where none is wanted: such runs see the patches that they always saw.
        drawn = self._drawn_share > 0 and random.random() < self._drawn_share
        picture = draw_picture(random, side) if drawn else self._crop(random, side)
        crop = self._in_colour(picture)
        return self._recipe.degrade_patch(to_unit(crop), random)

    def _crop(self, random: np.random.Generator, side: int) -> Uint8Pixels:
        image = self._pool[int(random.integers(len(self._pool)))]
        top = int(random.integers(image.shape[0] - side + 1))
        left = int(random.integers(image.shape[1] - side + 1))
        crop = np.rot90(image[top : top + side, left : left + side], int(random.integers(4)))
        return np.ascontiguousarray(crop[:, ::-1] if random.integers(2) else crop)

    def _in_colour(self, picture: Uint8Pixels) -> Uint8Pixels:
        match self._colour:
            case Colour.RGB:
                return picture
            case Colour.GRAY:
                return to_gray(picture)
            case Colour.LUMA:
                return to_luma(picture)


def _stack(images: list[FloatPixels]) -> Tensor:
    planes = np.stack(images).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(planes))
