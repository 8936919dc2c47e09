"""A recipe: degradations in their order, reproducible from a seed and an index."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import RootModel, ValidationError, model_validator

from hiir.degradations.steps import Noise, Step
from hiir.degradations.steps.base import total_margin
from hiir.errors import HiirError
from hiir.imaging import FloatPixels

__all__ = ["Recipe", "RecipeError", "read_recipe"]


class RecipeError(HiirError):
    """A recipe names what does not exist or asks for what makes no sense."""


class Recipe(RootModel[tuple[Step, ...]], frozen=True):
    """Degradations that follow one another; none leaves an image as it is."""

    @model_validator(mode="after")
    def _of_known_size(self) -> "Recipe":
        for step in self.root:
            if step.any_size:
                raise ValueError(f"{step.kind} draws a size: it belongs into the steps of resized")
        return self

    @property
    def scale(self) -> int:
        """Pixels of the clean image per pixel of the degraded one, along a side."""
        return prod(step.scale for step in self.root)

    @property
    def views(self) -> int:
        """Pictures that come out of one, stacked as channels."""
        return prod(step.views for step in self.root)

    @property
    def margin(self) -> int:
        """Pixels of surroundings that a patch needs, a multiple of `scale`."""
        return -(-total_margin(self.root) // self.scale) * self.scale

    @property
    def only_noise(self) -> Noise | None:
        """The noise, if this is nothing but noise of one level."""
        match self.root:
            case (Noise() as noise,) if noise.sigma[0] == noise.sigma[1]:
                return noise if noise.clip_share in (0, 1) else None
        return None

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Degrade ``(H, W, C)`` float32 [0, 1] into ``(H / scale, W / scale, C * views)``."""
        for step in self.root:
            image = step.apply(image, random)
        return image

    def degrade(self, image: FloatPixels, *, seed: int, index: int) -> FloatPixels:
        """Degrade the image with this index in its set: always in the same way for a seed."""
        return self.apply(image, np.random.default_rng((seed, index)))

    def degrade_patch(
        self, surroundings: FloatPixels, random: np.random.Generator
    ) -> tuple[FloatPixels, FloatPixels]:
        """Degrade a patch together with `margin` pixels around it, which are then cut off.

        Args:
            surroundings: ``(H + 2 margin, W + 2 margin, C)`` float32 [0, 1].
            random: the random generator.

        Returns:
            The degraded ``(H / scale, W / scale, C * views)`` and the clean ``(H, W, C)`` patch.
        """
        degraded = self.apply(surroundings, random)
        return _without(degraded, self.margin // self.scale), _without(surroundings, self.margin)


def read_recipe(text: str) -> Recipe:
    """Parse a recipe from YAML, or from the YAML file that the text names.

    ``[{kind: motion, length: 20}, {kind: noise, sigma: [0, 5]}]``

    Raises:
        RecipeError: for a file or a text that does not hold a recipe.
    """
    try:
        content = Path(text).read_text(encoding="utf-8") if text.endswith(".yaml") else text
        values: Any = yaml.safe_load(content)
        return Recipe.model_validate(values)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise RecipeError(f"no recipe {text!r}: {error}") from error


def _without(image: FloatPixels, margin: int) -> FloatPixels:
    return image[margin : image.shape[0] - margin, margin : image.shape[1] - margin]
