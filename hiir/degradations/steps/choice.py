"""One of several steps, and the union of all of them."""

from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import Field, PositiveFloat, model_validator

from hiir.degradations.steps.base import BaseStep
from hiir.degradations.steps.camera import Camera
from hiir.degradations.steps.compression import Jpeg
from hiir.degradations.steps.noise import CorrelatedNoise, File, FilmGrain, Noise, Poisson
from hiir.degradations.steps.optics import Defocus, Motion
from hiir.degradations.steps.sampling import Bayer, Downscale
from hiir.degradations.steps.weather import Fog, Rain, Raindrops, Snow
from hiir.imaging import FloatPixels

__all__ = ["OneOf", "Step"]


class OneOf(BaseStep):
    """One of several degradations."""

    kind: Literal["one-of"] = "one-of"
    choices: tuple["Step", ...] = Field(min_length=1)
    weights: tuple[PositiveFloat, ...] | None = None
    """How often each is drawn against the others; all alike where nothing is said."""

    @property
    def margin(self) -> int:
        """The largest of all choices."""
        return max(step.margin for step in self.choices)

    @model_validator(mode="after")
    def _of_one_size(self) -> "OneOf":
        if len({(step.scale, step.views) for step in self.choices}) > 1:
            raise ValueError("choices must give images of one size and one number of views")
        return self

    @model_validator(mode="after")
    def _with_a_weight_each(self) -> "OneOf":
        if self.weights is not None and len(self.weights) != len(self.choices):
            raise ValueError(f"{len(self.weights)} weights for {len(self.choices)} choices")
        return self

    @property
    def scale(self) -> int:
        """That of every choice."""
        return self.choices[0].scale

    @property
    def views(self) -> int:
        """That of every choice."""
        return self.choices[0].views

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Do what is drawn."""
        if self.weights is None:
            drawn = int(random.integers(len(self.choices)))
        else:
            share = np.array(self.weights) / sum(self.weights)
            drawn = int(random.choice(len(self.choices), p=share))
        return self.choices[drawn].apply(image, random)


Step: TypeAlias = Annotated[
    Noise
    | Poisson
    | CorrelatedNoise
    | FilmGrain
    | Camera
    | File
    | Jpeg
    | Downscale
    | Motion
    | Defocus
    | Bayer
    | Fog
    | Rain
    | Snow
    | Raindrops
    | OneOf,
    Field(discriminator="kind"),
]
OneOf.model_rebuild()
