"""Degradations of a clean test set, reproducible from a seed."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from hiir.degradations.noise import add_gaussian_noise
from hiir.degradations.recipe import Recipe
from hiir.imaging import FloatPixels, Uint8Pixels, to_unit

__all__ = ["Degradation", "Noise", "Synthetic", "degradation_of"]


class Degradation(Protocol):
    """A degradation of the images of a set, one by one."""

    @property
    def scale(self) -> int:
        """The number of clean pixels per degraded pixel, along a side."""
        ...

    def degrade(self, clean: Uint8Pixels, index: int) -> FloatPixels:
        """Degrade ``(H, W, C)`` uint8, the image with this index in its set, to float32."""
        ...

    def to_json(self) -> dict[str, object]:
        """Return a JSON object for a report."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Additive white Gaussian noise of one level."""

    sigma: float
    """Standard deviation on the scale of 255."""
    seed: int = 0
    clip: bool = False
    """Whether to round to 8 bits and clip, as in a file; the literature's tables do neither."""

    @property
    def scale(self) -> int:
        """1: noise keeps the size."""
        return 1

    def degrade(self, clean: Uint8Pixels, index: int) -> FloatPixels:
        """Add noise to the image with this index in its set."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        image = torch.from_numpy(to_unit(clean))
        noisy = add_gaussian_noise(image, self.sigma, generator=generator, clip=self.clip)
        return np.asarray(noisy.numpy(), np.float32)

    def to_json(self) -> dict[str, object]:
        """Return the level, the seed and whether the image is clipped."""
        return {"sigma": self.sigma, "seed": self.seed, "clip": self.clip}


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """A degradation by any recipe."""

    recipe: Recipe
    seed: int = 0

    @property
    def scale(self) -> int:
        """The scale of the recipe."""
        return self.recipe.scale

    def degrade(self, clean: Uint8Pixels, index: int) -> FloatPixels:
        """Degrade the image with this index in its set."""
        return self.recipe.degrade(to_unit(clean), seed=self.seed, index=index)

    def to_json(self) -> dict[str, object]:
        """Return the recipe and its seed."""
        steps = self.recipe.model_dump(mode="json")
        return {"degradation": steps, "seed": self.seed}


def degradation_of(recipe: Recipe, *, seed: int) -> Degradation:
    """Return the degradation of a recipe; noise alone is drawn as by ``--sigma``."""
    noise = recipe.only_noise
    if noise is None:
        return Synthetic(recipe=recipe, seed=seed)
    return Noise(sigma=noise.sigma[0], seed=seed, clip=noise.clip_share == 1)
