"""JPEG compression."""

from typing import Literal

import numpy as np
from pydantic import model_validator

from hiir.degradations.compression import ChromaSubsampling, compress_jpeg
from hiir.degradations.steps.base import BaseStep, Range
from hiir.imaging import FloatPixels

__all__ = ["Jpeg"]


class Jpeg(BaseStep):
    """JPEG compression."""

    kind: Literal["jpeg"] = "jpeg"
    quality: Range
    """Of libjpeg, 1 to 100; drawn as a whole number."""
    subsampling: ChromaSubsampling = ChromaSubsampling.HALVED
    aligned: bool = False
    """Keep the grid of blocks at the image's corner, as in the tests of the literature."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Jpeg":
        if not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise ValueError(f"quality goes from 1 to 100 at most, not from {self.quality}")
        return self

    @property
    def margin(self) -> int:
        """A block of halved chroma."""
        return 0 if self.aligned else 16

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Compress at one quality, at one phase of the grid."""
        low, high = self.quality
        quality = int(random.integers(int(low), int(high) + 1))
        shift = random.integers(0, 16, size=2)
        phase = (0, 0) if self.aligned else (int(shift[0]), int(shift[1]))
        return compress_jpeg(image, quality, subsampling=self.subsampling, phase=phase)
