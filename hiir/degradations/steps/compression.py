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
    """libjpeg's quality, 1 to 100; an integer is drawn."""
    subsampling: Shares[ChromaSubsampling] = Field(default={ChromaSubsampling.HALVED: 1.0})
    """``"4:2:0"``, or relative probabilities: ``{"4:2:0": 4, "4:2:2": 1}``. YAML needs the quotes.
    """
    tables: Shares[QuantizationTables] = Field(default={QuantizationTables.STANDARD: 1.0})
    """Quantization tables, or relative probabilities."""
    chroma_offset: Range = (0, 0)
    """Integer that is added to the quality for color; the sum is clipped to 1 to 100."""
    aligned: bool = False
    """Whether the block grid starts at the image's corner, as in the tests of the literature."""

    @model_validator(mode="after")
    def _in_scale(self) -> "Jpeg":
        if not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise ValueError(f"quality must be within 1 to 100, not {self.quality}")
        if not -100 <= self.chroma_offset[0] <= self.chroma_offset[1] <= 100:
            raise ValueError(f"chroma_offset must be within -100 to 100, not {self.chroma_offset}")
        return self

    @property
    def margin(self) -> int:
        """The size of a block with halved chroma."""
        return 0 if self.aligned else 16

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Compress with one random quality and one phase of the block grid."""
        quality = draw_integer(self.quality, random)
        shift = random.integers(0, 16, size=2)
        phase = (0, 0) if self.aligned else (int(shift[0]), int(shift[1]))
        # A constant draws no random number, so that existing recipes keep their random sequence.
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
