"""Noise that is drawn on the stored values, and the rounding of a file."""

from typing import Annotated, Literal, TypeAlias

import numpy as np
import torch
from pydantic import AfterValidator, Field, model_validator

from hiir.degradations.correlated_noise import add_correlated_noise, add_film_grain
from hiir.degradations.noise import add_gaussian_noise, add_poisson_noise, as_file
from hiir.degradations.steps.base import BaseStep, Range, draw
from hiir.imaging import FloatPixels

__all__ = ["CorrelatedNoise", "File", "FilmGrain", "Noise", "Poisson"]


class File(BaseStep):
    """Round to 8 bits and clip: the image has been in a file."""

    kind: Literal["file"] = "file"

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:  # noqa: ARG002
        """Round and clip; draws nothing."""
        return np.asarray(as_file(torch.from_numpy(image)).numpy(), np.float32)


def _in_scale(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= value[0] <= value[1] <= 255:
        raise ValueError(f"sigma goes from 0 to 255 at most, not from {value}")
    return value


Sigma: TypeAlias = Annotated[Range, AfterValidator(_in_scale)]
"""Range of standard deviations on the scale of 255."""


class Noise(BaseStep):
    """Additive white Gaussian noise."""

    kind: Literal["noise"] = "noise"
    sigma: Sigma
    """Standard deviation on the scale of 255."""
    clip_share: float = Field(default=0.0, ge=0, le=1)
    """Share of images that are rounded to 8 bits and clipped, as files are."""
    gray_share: float = Field(default=0.0, ge=0, le=1)
    """Share of images with the same noise in all channels."""

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add noise of one level."""
        sigma = draw(self.sigma, random)
        clip = bool(random.random() < self.clip_share)
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        clean = torch.from_numpy(np.ascontiguousarray(image))
        # No draw where none is wanted: such recipes draw what they always drew.
        if self.gray_share > 0 and random.random() < self.gray_share:
            noise = add_gaussian_noise(torch.zeros_like(clean[..., :1]), sigma, generator=generator)
            noisy = as_file(clean + noise) if clip else clean + noise
        else:
            noisy = add_gaussian_noise(clean, sigma, generator=generator, clip=clip)
        return np.asarray(noisy.numpy(), np.float32)


class Poisson(BaseStep):
    """The noise of counted photons."""

    kind: Literal["poisson"] = "poisson"
    strength: Range
    """1 counts 255 photons at white, 2 doubles that noise (Real-ESRGAN: 0.05 to 3)."""
    gray_share: float = Field(default=0.0, ge=0, le=1)
    """Share of images with the same noise in all channels."""

    @model_validator(mode="after")
    def _positive(self) -> "Poisson":
        if not 0 <= self.strength[0] <= self.strength[1] <= 20:
            raise ValueError(f"strength goes from 0 to 20 at most, not from {self.strength}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Count photons once."""
        strength, gray = draw(self.strength, random), bool(random.random() < self.gray_share)
        return add_poisson_noise(image, random, strength=strength, gray=gray)


class CorrelatedNoise(BaseStep):
    """Low-pass filtered noise with more of it in color, as processing leaves it."""

    kind: Literal["correlated-noise"] = "correlated-noise"
    sigma: Sigma
    """Standard deviation over all samples on the scale of 255."""
    radius: Range = (0.3, 1.5)
    """Standard deviation in pixels of the filter."""
    chroma: Range = (0.5, 3.0)
    """Deviation of each color axis against that of lightness."""
    chroma_radius: Range = (1.0, 2.0)
    """Of the filter for color, in radii of that for lightness."""
    unbalance: float = Field(default=0.3, ge=0, lt=1)
    """Deviation that red, green and blue differ by from 1, each, at most."""

    @model_validator(mode="after")
    def _in_reach(self) -> "CorrelatedNoise":
        if not 0 <= self.radius[0] <= self.radius[1] <= 8:
            raise ValueError(f"radius goes from 0 to 8 at most, not from {self.radius}")
        for name, value in (("chroma", self.chroma), ("chroma_radius", self.chroma_radius)):
            if not 0 <= value[0] <= value[1] <= 8:
                raise ValueError(f"{name} goes from 0 to 8 at most, not from {value}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add noise of one level and one grain."""
        sigma, radius, chroma, ratio = (
            draw(bounds, random)
            for bounds in (self.sigma, self.radius, self.chroma, self.chroma_radius)
        )
        red, green, blue = (float(v) for v in random.uniform(-1, 1, 3) * self.unbalance + 1)
        return add_correlated_noise(
            image,
            random,
            sigma=sigma,
            radius=radius,
            chroma=chroma,
            chroma_radius=ratio * radius,
            balance=(red, green, blue),
        )


class FilmGrain(BaseStep):
    """The grain of film, strongest in middle tones."""

    kind: Literal["film-grain"] = "film-grain"
    sigma: Sigma
    """Standard deviation in middle gray on the scale of 255."""
    radius: Range = (0.4, 1.5)
    """Standard deviation in pixels of the grain's filter."""
    chroma: Range = (0.0, 0.7)
    """Deviation of each color axis against that of lightness; 0 is black-and-white film."""

    @model_validator(mode="after")
    def _in_reach(self) -> "FilmGrain":
        if not 0 <= self.radius[0] <= self.radius[1] <= 8:
            raise ValueError(f"radius goes from 0 to 8 at most, not from {self.radius}")
        return self

    @property
    def margin(self) -> int:
        """Reach of the filter that the local brightness is measured with."""
        return 3

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Expose one film."""
        sigma, radius, chroma = (draw(r, random) for r in (self.sigma, self.radius, self.chroma))
        return add_film_grain(image, random, sigma=sigma, radius=radius, chroma=chroma)
