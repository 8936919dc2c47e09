"""Steps that contain other steps: one of several, a sequence, or steps at another size."""

from math import ceil, prod
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveFloat, model_validator

from hiir.degradations.resample import ResizeFilter, resample
from hiir.degradations.steps.base import (
    BaseStep,
    Range,
    Shares,
    draw,
    draw_share,
    total_margin,
)
from hiir.degradations.steps.sampling import scaled_shape
from hiir.imaging import FloatPixels

if TYPE_CHECKING:
    from hiir.degradations.steps.union import Step

__all__ = ["Chain", "OneOf", "Resized"]


class OneOf(BaseStep):
    """One of several degradations, drawn for each image."""

    kind: Literal["one-of"] = "one-of"
    choices: tuple["Step", ...] = Field(min_length=1)
    weights: tuple[PositiveFloat, ...] | None = None
    """Relative probability of each choice; equal by default."""

    @property
    def margin(self) -> int:
        """The largest margin of all choices."""
        return max(step.margin for step in self.choices)

    @model_validator(mode="after")
    def _of_one_size(self) -> "OneOf":
        if len({(step.scale, step.views) for step in self.choices}) > 1:
            raise ValueError("all choices must have the same scale and number of views")
        return self

    @model_validator(mode="after")
    def _with_a_weight_each(self) -> "OneOf":
        if self.weights is not None and len(self.weights) != len(self.choices):
            raise ValueError(f"{len(self.weights)} weights for {len(self.choices)} choices")
        return self

    @property
    def scale(self) -> int:
        """The scale that all choices share."""
        return self.choices[0].scale

    @property
    def views(self) -> int:
        """The number of views that all choices share."""
        return self.choices[0].views

    @property
    def least_factor(self) -> float:
        """The smallest factor of all choices."""
        return min(step.least_factor for step in self.choices)

    @property
    def any_size(self) -> bool:
        """Whether any choice draws a random size."""
        return any(step.any_size for step in self.choices)

    @property
    def turns(self) -> bool:
        """Whether all choices allow flips and rotations."""
        return all(step.turns for step in self.choices)

    def draw(self, random: np.random.Generator) -> "Step":
        """Draw one of the choices."""
        if self.weights is None:
            return self.choices[int(random.integers(len(self.choices)))]
        share = np.array(self.weights) / sum(self.weights)
        return self.choices[int(random.choice(len(self.choices), p=share))]

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Draw one of the choices and apply it."""
        return self.draw(random).apply(image, random)


class Chain(BaseStep):
    """A sequence of steps, applied to a share of the images; without steps it changes nothing."""

    kind: Literal["chain"] = "chain"
    steps: tuple["Step", ...]
    share: float = Field(default=1.0, ge=0, le=1)
    """Share of the images to which the steps are applied."""
    shuffled: bool = False
    """Whether the order of the steps is random."""

    @model_validator(mode="after")
    def _of_one_size(self) -> "Chain":
        if (self.share < 1 or self.shuffled) and (self.scale, self.views) != (1, 1):
            raise ValueError("steps with a scale or two views need share 1 and a fixed order")
        return self

    @property
    def margin(self) -> int:
        """The margin of all steps, in the order that needs the largest."""
        if self.shuffled:
            return ceil(sum(step.margin for step in self.steps) / self.least_factor)
        return total_margin(self.steps)

    @property
    def scale(self) -> int:
        """The product of the scales of the steps."""
        return prod(step.scale for step in self.steps)

    @property
    def views(self) -> int:
        """The product of the views of the steps."""
        return prod(step.views for step in self.steps)

    @property
    def least_factor(self) -> float:
        """The product of the steps' factors, at most 1 if the steps may be skipped."""
        least = prod(step.least_factor for step in self.steps)
        return least if self.share == 1 else min(least, 1.0)

    @property
    def any_size(self) -> bool:
        """Whether any step draws a random size."""
        return any(step.any_size for step in self.steps)

    @property
    def turns(self) -> bool:
        """Whether all steps allow flips and rotations."""
        return all(step.turns for step in self.steps)

    def draw(self, random: np.random.Generator) -> "tuple[Step, ...]":
        """Draw the steps for one image: all of them, in the given or a random order, or none."""
        # A share of 1 draws no random number.
        if self.share < 1 and random.random() >= self.share:
            return ()
        order = random.permutation(len(self.steps)) if self.shuffled else range(len(self.steps))
        return tuple(self.steps[index] for index in order)

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Draw the steps and apply them."""
        for step in self.draw(random):
            image = step.apply(image, random)
        return image


class Resized(BaseStep):
    """Steps that are applied at another size, after which the image is resized back.

    With ``factor: [1, 2]`` this is a photo that was compressed, or got its noise, when it was
    larger. The clean photo is the target; the change that enlarging and reducing make on their own
    is removed. Reduction would have removed any detail that a larger photo has beyond it.

    With ``resize`` among the steps and a ``reduction``, it models a picture that was resized and
    saved repeatedly, and ends at exactly 1 / reduction of its size.
    """

    kind: Literal["resized"] = "resized"
    steps: tuple["Step", ...] = Field(min_length=1)
    factor: Range = (1, 1)
    """Size of the picture at the first step, where 1 is its own size."""
    reduction: int = Field(default=1, ge=1, le=8)
    """Pixels of the picture per pixel of the result, along a side."""
    filters: Shares[ResizeFilter] = Field(default={ResizeFilter.BICUBIC: 1.0})
    """Filter of the last resizing: one, or relative probabilities."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Resized":
        if not 0.05 <= self.factor[0] <= self.factor[1] <= 8:
            raise ValueError(f"factor must be within 0.05 to 8, not {self.factor}")
        if any(step.scale != 1 or step.views != 1 for step in self.steps):
            raise ValueError("steps of a resized step must not have a scale or two views")
        return self

    @property
    def margin(self) -> int:
        """The margin of the steps at the smallest size, and of resizing before and after them."""
        reach = 2 / min(self.factor[0], 1) + 2 * max(self.reduction, 1 / self._least_size)
        return ceil(total_margin(self.steps) / self.factor[0] + reach) + 2

    @property
    def scale(self) -> int:
        """The reduction."""
        return self.reduction

    @property
    def turns(self) -> bool:
        """Whether all steps allow flips and rotations."""
        return all(step.turns for step in self.steps)

    @property
    def _least_size(self) -> float:
        return self.factor[0] * prod(step.least_factor for step in self.steps)

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Resize, apply the steps, and resize to the final size."""
        factor = draw(self.factor, random)
        height, width = (side // self.reduction for side in image.shape[:2])
        kernel = draw_share(self.filters, random)
        # Otherwise an overshoot that only the steps clip would count as a degradation.
        resized = np.clip(resample(image, scaled_shape(image, factor)), 0, 1)
        degraded = resized
        for step in self.steps:
            degraded = step.apply(degraded, random)
        result = resample(degraded, (height, width), kernel=kernel)
        if factor >= 1 and self.reduction == 1 and not any(step.any_size for step in self.steps):
            # Resize without the steps too: the change that this makes alone is not a degradation.
            result = image + (result - resample(resized, (height, width), kernel=kernel))
        return np.asarray(np.clip(result, 0, 1), np.float32)
