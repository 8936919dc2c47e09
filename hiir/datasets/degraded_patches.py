"""Clean patches and their degraded versions; each batch is a function of the seed and the step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiir.datasets.clean_images import CleanImages
from hiir.datasets.noise_conditioning import conditioning_noise_level
from hiir.datasets.pair_crops import PairCrops
from hiir.degradations.recipe import Recipe
from hiir.imaging import FloatPixels, append_level, to_unit

__all__ = ["Batch", "DegradedPatches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Input and target, ``(B, C, H, W)`` float32; targets are in [0, 1], inputs not clipped."""

    degraded: Tensor
    clean: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Copy to a device; asynchronously if the memory is pinned."""
        return Batch(
            degraded=self.degraded.to(device, non_blocking=True),
            clean=self.clean.to(device, non_blocking=True),
        )

    def pin_memory(self) -> "Batch":
        """Copy to pinned memory, from which a GPU copies asynchronously."""
        return Batch(degraded=self.degraded.pin_memory(), clean=self.clean.pin_memory())


class DegradedPatches:
    """Clean patches, each degraded by a recipe with its own random numbers."""

    def __init__(
        self,
        images: CleanImages,
        recipe: Recipe,
        *,
        seed: int,
        noise_level_map: bool = False,
        pairs: PairCrops | None = None,
    ) -> None:
        """Create the source.

        Args:
            images: source of clean patches; they include the recipe's margin.
            recipe: degradation of each patch.
            seed: seed of the run.
            noise_level_map: append a plane that holds the noise level to each input.
            pairs: source of a share of the patches; these are not degraded further.
        """
        self._images = images
        self._recipe = recipe
        self._seed = seed
        self._noise_level_map = noise_level_map
        self._pairs = pairs

    def batch(self, step: int, *, size: int, patch: int, first: int = 0) -> Batch:
        """Draw the patches of one step.

        A patch depends only on the seed, the step and its number. Any number of processes that
        share a batch draw the same patches together.

        Args:
            step: step, counted from 0.
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
        # Without pairs no random number is drawn: such runs keep the patches that they always had.
        if self._pairs is not None and random.random() < self._pairs.share:
            degraded, clean = self._pairs.draw(random, patch)
        else:
            picture = self._images.draw(random, patch + 2 * self._recipe.margin)
            degraded, clean = self._recipe.degrade_patch(to_unit(picture), random)
        if self._noise_level_map:
            degraded = append_level(degraded, conditioning_noise_level(degraded, clean, random))
        return degraded, clean


def _stack(images: list[FloatPixels]) -> Tensor:
    planes = np.stack(images).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(planes))
