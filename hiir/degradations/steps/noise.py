"""Noise that is added to the stored values, and rounding as in a file."""

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
    """Rounding to 8 bits and clipping, as in a file."""

    kind: Literal["file"] = "file"

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:  # noqa: ARG002
        """Round and clip; this draws no random numbers."""
        return np.asarray(as_file(torch.from_numpy(image)).numpy(), np.float32)


def _in_scale(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= value[0] <= value[1] <= 255:
        raise ValueError(f"sigma must be within 0 to 255, not {value}")
    return value


Sigma: TypeAlias = Annotated[Range, AfterValidator(_in_scale)]
"""Range of standard deviations on the scale of 255."""


class Noise(BaseStep):
    """Additive white Gaussian noise."""

    kind: Literal["noise"] = "noise"
    sigma: Sigma
    """Standard deviation on the scale of 255."""
    clip_share: float = Field(default=0.0, ge=0, le=1)
    """Share of images that are rounded to 8 bits and clipped, as in a file."""
    gray_share: float = Field(default=0.0, ge=0, le=1)
    """Share of images with the same noise in all channels."""

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add white Gaussian noise of one random level."""
        sigma = draw(self.sigma, random)
        clip = bool(random.random() < self.clip_share)
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        clean = torch.from_numpy(np.ascontiguousarray(image))
        # A zero share draws no random number, so that existing recipes keep their random sequence.
        if self.gray_share > 0 and random.random() < self.gray_share:
            noise = add_gaussian_noise(torch.zeros_like(clean[..., :1]), sigma, generator=generator)
            noisy = as_file(clean + noise) if clip else clean + noise
        else:
            noisy = add_gaussian_noise(clean, sigma, generator=generator, clip=clip)
        return np.asarray(noisy.numpy(), np.float32)


class Poisson(BaseStep):
    """Poisson noise."""

    kind: Literal["poisson"] = "poisson"
    strength: Range
    """1 counts 255 photons at white, 2 doubles that noise (Real-ESRGAN: 0.05 to 3)."""
    gray_share: float = Field(default=0.0, ge=0, le=1)
    """Share of images with the same noise in all channels."""

    @model_validator(mode="after")
    def _positive(self) -> "Poisson":
        if not 0 <= self.strength[0] <= self.strength[1] <= 20:
            raise ValueError(f"strength must be within 0 to 20, not {self.strength}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add Poisson noise of one random strength."""
        strength, gray = draw(self.strength, random), bool(random.random() < self.gray_share)
        return add_poisson_noise(image, random, strength=strength, gray=gray)


class CorrelatedNoise(BaseStep):
    """Low-pass filtered noise that is stronger in color, as camera processing leaves it."""

    kind: Literal["correlated-noise"] = "correlated-noise"
    sigma: Sigma
    """Standard deviation over all samples on the scale of 255."""
    radius: Range = (0.3, 1.5)
    """Standard deviation in pixels of the filter."""
    chroma: Range = (0.5, 3.0)
    """Standard deviation of each color axis relative to that of lightness."""
    chroma_radius: Range = (1.0, 2.0)
    """Standard deviation of the filter for color, as a multiple of that for lightness."""
    unbalance: float = Field(default=0.3, ge=0, lt=1)
    """Maximum difference from 1 of the relative deviations of red, green and blue."""

    @model_validator(mode="after")
    def _in_reach(self) -> "CorrelatedNoise":
        if not 0 <= self.radius[0] <= self.radius[1] <= 8:
            raise ValueError(f"radius must be within 0 to 8, not {self.radius}")
        for name, value in (("chroma", self.chroma), ("chroma_radius", self.chroma_radius)):
            if not 0 <= value[0] <= value[1] <= 8:
                raise ValueError(f"{name} must be within 0 to 8, not {value}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add correlated noise of one random level and filter radius."""
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
    """Film grain, strongest in the middle tones."""

    kind: Literal["film-grain"] = "film-grain"
    sigma: Sigma
    """Standard deviation in middle gray on the scale of 255."""
    radius: Range = (0.4, 1.5)
    """Standard deviation in pixels of the grain's low-pass filter."""
    chroma: Range = (0.0, 0.7)
    """Standard deviation of each color axis relative to that of lightness; 0 is black-and-white
    film.
    """

    @model_validator(mode="after")
    def _in_reach(self) -> "FilmGrain":
        if not 0 <= self.radius[0] <= self.radius[1] <= 8:
            raise ValueError(f"radius must be within 0 to 8, not {self.radius}")
        return self

    @property
    def margin(self) -> int:
        """The reach of the filter that measures local brightness."""
        return 3

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add film grain of one random strength."""
        sigma, radius, chroma = (draw(r, random) for r in (self.sigma, self.radius, self.chroma))
        return add_film_grain(image, random, sigma=sigma, radius=radius, chroma=chroma)
