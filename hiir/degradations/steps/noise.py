"""Noise, and the rounding of a file."""

from typing import Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from hiir.degradations.noise import add_gaussian_noise, as_file
from hiir.degradations.steps.base import BaseStep, Range, draw
from hiir.imaging import FloatPixels

__all__ = ["File", "Noise"]


class File(BaseStep):
    """Round to 8 bits and clip: the image has been in a file."""

    kind: Literal["file"] = "file"

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:  # noqa: ARG002
        """Round and clip; nothing is left to chance."""
        return np.asarray(as_file(torch.from_numpy(image)).numpy(), np.float32)


class Noise(BaseStep):
    """Additive white Gaussian noise."""

    kind: Literal["noise"] = "noise"
    sigma: Range
    """Standard deviation on the scale of 255."""
    clip_share: float = Field(default=0.0, ge=0, le=1)
    """Share of images that are rounded to 8 bits and clipped, as files are."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Noise":
        if not 0 <= self.sigma[0] <= self.sigma[1] <= 255:
            raise ValueError(f"sigma goes from 0 to 255 at most, not from {self.sigma}")
        return self

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Add noise of one level."""
        sigma = draw(self.sigma, random)
        clip = bool(random.random() < self.clip_share)
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        clean = torch.from_numpy(np.ascontiguousarray(image))
        noisy = add_gaussian_noise(clean, sigma, generator=generator, clip=clip)
        return np.asarray(noisy.numpy(), np.float32)
