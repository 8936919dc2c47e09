"""Recipes: sequences of degradations, reproducible from a seed and an index."""

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
    """A recipe names an unknown step or has an invalid value."""


class Recipe(RootModel[tuple[Step, ...]], frozen=True):
    """A sequence of degradations; an empty one leaves an image unchanged."""

    @model_validator(mode="after")
    def _of_known_size(self) -> "Recipe":
        for step in self.root:
            if step.any_size:
                raise ValueError(f"{step.kind} draws a random size: put it into a resized step")
        return self

    @property
    def scale(self) -> int:
        """The number of clean pixels per degraded pixel, along a side."""
        return prod(step.scale for step in self.root)

    @property
    def views(self) -> int:
        """The number of pictures that one image becomes, stacked as channels."""
        return prod(step.views for step in self.root)

    @property
    def margin(self) -> int:
        """The border in pixels that a patch needs around it, a multiple of `scale`."""
        return -(-total_margin(self.root) // self.scale) * self.scale

    @property
    def only_noise(self) -> Noise | None:
        """The noise step, if the recipe is white Gaussian noise of one level and nothing else."""
        match self.root:
            case (Noise() as noise,) if noise.sigma[0] == noise.sigma[1]:
                return noise if noise.clip_share in (0, 1) else None
        return None

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Degrade an image.

        Args:
            image: ``(H, W, C)`` float32 [0, 1].
            random: generator that every step draws from.

        Returns:
            ``(H / scale, W / scale, C * views)`` float32.
        """
        for step in self.root:
            image = step.apply(image, random)
        return image

    def degrade(self, image: FloatPixels, *, seed: int, index: int) -> FloatPixels:
        """Degrade one image of a set; the result depends on the seed and the index alone.

        Args:
            image: ``(H, W, C)`` float32 [0, 1].
            seed: seed of the set.
            index: position of the image in the set, from 0.

        Returns:
            ``(H / scale, W / scale, C * views)`` float32.
        """
        return self.apply(image, np.random.default_rng((seed, index)))

    def degrade_patch(
        self, surroundings: FloatPixels, random: np.random.Generator
    ) -> tuple[FloatPixels, FloatPixels]:
        """Degrade a patch together with a border of `margin` pixels, then crop the border.

        Args:
            surroundings: the patch with its border, ``(H + 2 margin, W + 2 margin, C)`` float32 [0,
                1].
            random: generator that every step draws from.

        Returns:
            The degraded ``(H / scale, W / scale, C * views)`` and the clean ``(H, W, C)`` patch,
            float32.
        """
        degraded = self.apply(surroundings, random)
        return _without(degraded, self.margin // self.scale), _without(surroundings, self.margin)


def read_recipe(text: str) -> Recipe:
    """Parse a recipe from YAML text, or from a YAML file at that path.

    Example: ``[{kind: motion, length: 20}, {kind: noise, sigma: [0, 5]}]``

    Raises:
        RecipeError: if the file or the text does not hold a valid recipe.
    """
    try:
        content = Path(text).read_text(encoding="utf-8") if text.endswith(".yaml") else text
        values: Any = yaml.safe_load(content)
        return Recipe.model_validate(values)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise RecipeError(f"invalid recipe {text!r}: {error}") from error


def _without(image: FloatPixels, margin: int) -> FloatPixels:
    return image[margin : image.shape[0] - margin, margin : image.shape[1] - margin]
