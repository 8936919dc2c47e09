"""JPEG compression."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from hiir.degradations.compression import ChromaSubsampling, compress_jpeg
from hiir.degradations.steps.base import BaseStep, Range, Shares, draw_integer, draw_share
from hiir.imaging import FloatPixels
from hiir.imaging.quantization import QuantizationTables

__all__ = ["Jpeg"]


class Jpeg(BaseStep):
    """JPEG compression."""

    kind: Literal["jpeg"] = "jpeg"
    quality: Range
    """Of libjpeg, 1 to 100; drawn as a whole number."""
    subsampling: Shares[ChromaSubsampling] = Field(default={ChromaSubsampling.HALVED: 1.0})
    """``"4:2:0"``, or how often each: ``{"4:2:0": 4, "4:2:2": 1}``. YAML needs the quotes."""
    tables: Shares[QuantizationTables] = Field(default={QuantizationTables.STANDARD: 1.0})
    """Quantization tables, or how often each."""
    chroma_offset: Range = (0, 0)
    """Added to the quality for color, as a whole number; the sum is kept within 1 to 100."""
    aligned: bool = False
    """Keep the grid of blocks at the image's corner, as in the tests of the literature."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Jpeg":
        if not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise ValueError(f"quality goes from 1 to 100 at most, not from {self.quality}")
        if not -100 <= self.chroma_offset[0] <= self.chroma_offset[1] <= 100:
            raise ValueError(f"chroma_offset goes from -100 to 100, not from {self.chroma_offset}")
        return self

    @property
    def margin(self) -> int:
        """A block of halved chroma."""
        return 0 if self.aligned else 16

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Compress at one quality, at one phase of the grid."""
        quality = draw_integer(self.quality, random)
        shift = random.integers(0, 16, size=2)
        phase = (0, 0) if self.aligned else (int(shift[0]), int(shift[1]))
        # What is not a range takes no draw: recipes of an earlier day draw what they always drew.
        low, high = self.chroma_offset
        offset = int(low) if low == high else draw_integer(self.chroma_offset, random)
        return compress_jpeg(
            image,
            quality,
            subsampling=draw_share(self.subsampling, random),
            phase=phase,
            tables=draw_share(self.tables, random),
            chroma_quality=min(max(quality + offset, 1), 100),
        )
