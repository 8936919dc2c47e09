"""Fewer samples: a smaller picture, or one color a pixel."""

from typing import Literal

import numpy as np
from pydantic import Field

from hiir.degradations.mosaic import mosaic
from hiir.degradations.resize import reduce_bicubic
from hiir.degradations.steps.base import BaseStep
from hiir.imaging import BayerPattern, FloatPixels, demosaic_malvar

__all__ = ["Bayer", "Downscale"]


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
        """Reduce; nothing is left to chance."""
        return reduce_bicubic(image, self.factor)
