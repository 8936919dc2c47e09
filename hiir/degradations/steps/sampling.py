"""Other samples: a picture of another size, or one color a pixel."""

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
    """A mosaic, demosaicked by Malvar, He and Cutler's filters."""

    kind: Literal["bayer"] = "bayer"
    patterns: tuple[BayerPattern, ...] = Field(default=tuple(BayerPattern), min_length=1)

    @property
    def margin(self) -> int:
        """Reach of the filters."""
        return 2

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Sample and fill in one pattern."""
        pattern = self.patterns[int(random.integers(len(self.patterns)))]
        return demosaic_malvar(mosaic(image, pattern), pattern)


class Downscale(BaseStep):
    """MATLAB's bicubic reduction."""

    kind: Literal["downscale"] = "downscale"
    factor: int = Field(ge=2, le=8)

    @property
    def margin(self) -> int:
        """Reach of the kernel, in whole output pixels."""
        return 2 * self.factor

    @property
    def scale(self) -> int:
        """The factor."""
        return self.factor

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:  # noqa: ARG002
        """Reduce; draws nothing."""
        return imresize(image, 1 / self.factor)


class Resize(BaseStep):
    """Resizing to a size that is drawn; within `resized`, which restores the size."""

    kind: Literal["resize"] = "resize"
    factor: Range
    """Of either side."""
    filters: Shares[ResizeFilter] = Field(default=dict.fromkeys(ResizeFilter, 1.0))
    """One, or how often each."""
    aliased_share: float = Field(default=0.3, ge=0, le=1)
    """Share of images that are resized without anti-aliasing."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Resize":
        if not 0.05 <= self.factor[0] <= self.factor[1] <= 8:
            raise ValueError(f"factor goes from 0.05 to 8 at most, not from {self.factor}")
        return self

    @property
    def margin(self) -> int:
        """Reach of the bicubic kernel, which widens as it reduces."""
        return ceil(2 / min(self.factor[0], 1)) + 1

    @property
    def least_factor(self) -> float:
        """The least factor."""
        return self.factor[0]

    @property
    def any_size(self) -> bool:
        """Unless it is always 1."""
        return self.factor != (1, 1)

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Resize by one factor with one filter."""
        shape = scaled_shape(image, draw(self.factor, random))
        kernel = draw_share(self.filters, random)
        antialias = bool(random.random() >= self.aliased_share)
        return resample(image, shape, kernel=kernel, antialias=antialias)


def scaled_shape(image: FloatPixels, factor: float) -> tuple[int, int]:
    """Rows and columns at so many times the size, at least 4 each."""
    height, width = (max(4, round(side * factor)) for side in image.shape[:2])
    return height, width
