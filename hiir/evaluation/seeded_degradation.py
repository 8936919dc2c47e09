"""How the images of a clean test set are degraded: always in the same way for a seed."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from hiir.degradations.noise import add_gaussian_noise
from hiir.degradations.recipe import Recipe
from hiir.imaging import FloatPixels, Uint8Pixels, to_unit

__all__ = ["Degradation", "Noise", "Synthetic", "degradation_of"]


class Degradation(Protocol):
    """Degrades the images of a set one by one."""

    @property
    def scale(self) -> int:
        """Pixels of the clean image per pixel of the degraded one, along a side."""
        ...

    def degrade(self, clean: Uint8Pixels, index: int) -> FloatPixels:
        """Degraded version of ``(H, W, C)``, the image with this index in its set."""
        ...

    def to_json(self) -> dict[str, object]:
        """What a report says of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Additive white Gaussian noise of one level."""

    sigma: float
    """On the scale of 255."""
    seed: int = 0
    clip: bool = False
    """Round to 8 bits and clip, as files are; the literature's tables do neither."""

    @property
    def scale(self) -> int:
        """Noise keeps the size."""
        return 1

    def degrade(self, clean: Uint8Pixels, index: int) -> FloatPixels:
        """Noisy version of the image with this index in its set."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        image = torch.from_numpy(to_unit(clean))
        noisy = add_gaussian_noise(image, self.sigma, generator=generator, clip=self.clip)
        return np.asarray(noisy.numpy(), np.float32)

    def to_json(self) -> dict[str, object]:
        """Level, seed and clipping."""
        return {"sigma": self.sigma, "seed": self.seed, "clip": self.clip}


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """Any recipe."""

    recipe: Recipe
    seed: int = 0

    @property
    def scale(self) -> int:
        """That of the recipe."""
        return self.recipe.scale

    def degrade(self, clean: Uint8Pixels, index: int) -> FloatPixels:
        """Degraded version of the image with this index in its set."""
        return self.recipe.degrade(to_unit(clean), seed=self.seed, index=index)

    def to_json(self) -> dict[str, object]:
        """The recipe and its seed."""
        steps = self.recipe.model_dump(mode="json")
        return {"degradation": steps, "seed": self.seed}


def degradation_of(recipe: Recipe, *, seed: int) -> Degradation:
    """The degradation that a recipe asks for; noise alone is drawn as ``--sigma`` draws it."""
    noise = recipe.only_noise
    if noise is None:
        return Synthetic(recipe=recipe, seed=seed)
    return Noise(sigma=noise.sigma[0], seed=seed, clip=noise.clip_share == 1)
