"""Other sampling: another image size, or one color per pixel."""

from math import ceil
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from hiir.degradations.imresize import imresize
from hiir.degradations.mosaic import mosaic
from hiir.degradations.resample import ResizeFilter, resample
from hiir.degradations.steps.base import BaseStep, Range, Shares, draw, draw_share
from hiir.imaging import BayerPattern, FloatPixels, demosaic_malvar

__all__ = ["Bayer", "Downscale", "Resize", "scaled_shape"]


class Bayer(BaseStep):
    """A Bayer mosaic, demosaicked with the filters of Malvar, He and Cutler (2004)."""

    kind: Literal["bayer"] = "bayer"
    patterns: tuple[BayerPattern, ...] = Field(default=tuple(BayerPattern), min_length=1)

    @property
    def margin(self) -> int:
        """The reach of the filters."""
        return 2

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Mosaic and demosaic the image with one random pattern."""
        pattern = self.patterns[int(random.integers(len(self.patterns)))]
        return demosaic_malvar(mosaic(image, pattern), pattern)


class Downscale(BaseStep):
    """Bicubic downscaling as MATLAB's `imresize`."""

    kind: Literal["downscale"] = "downscale"
    factor: int = Field(ge=2, le=8)

    @property
    def margin(self) -> int:
        """The reach of the kernel, in whole output pixels."""
        return 2 * self.factor

    @property
    def scale(self) -> int:
        """The downscaling factor."""
        return self.factor

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:  # noqa: ARG002
        """Downscale; this draws no random numbers."""
        return imresize(image, 1 / self.factor)


class Resize(BaseStep):
    """Resizing to a random size; `Resized` contains it and restores the size."""

    kind: Literal["resize"] = "resize"
    factor: Range
    """Factor on both sides."""
    filters: Shares[ResizeFilter] = Field(default=dict.fromkeys(ResizeFilter, 1.0))
    """One filter, or relative probabilities."""
    aliased_share: float = Field(default=0.3, ge=0, le=1)
    """Share of images that are resized without anti-aliasing."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Resize":
        if not 0.05 <= self.factor[0] <= self.factor[1] <= 8:
            raise ValueError(f"factor must be within 0.05 to 8, not {self.factor}")
        return self

    @property
    def margin(self) -> int:
        """The reach of the bicubic kernel, which widens as the image is reduced."""
        return ceil(2 / min(self.factor[0], 1)) + 1

    @property
    def least_factor(self) -> float:
        """The smallest factor."""
        return self.factor[0]

    @property
    def any_size(self) -> bool:
        """True, unless the factor is always 1."""
        return self.factor != (1, 1)

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Resize by one random factor with one random filter."""
        shape = scaled_shape(image, draw(self.factor, random))
        kernel = draw_share(self.filters, random)
        antialias = bool(random.random() >= self.aliased_share)
        return resample(image, shape, kernel=kernel, antialias=antialias)


def scaled_shape(image: FloatPixels, factor: float) -> tuple[int, int]:
    """Rows and columns of an image that is resized by a factor, at least 4 each."""
    height, width = (max(4, round(side * factor)) for side in image.shape[:2])
    return height, width
