"""The measurements of a photo, and the restoration that they suggest.

Suggestions are conservative, because a wrong one harms a good photo: noise counts from a deviation
of 8 on, JPEG compression up to quality 60 or from a visible grid of blocks on. For drawings nothing
is suggested, except for compression that the file itself declares. Blur never leads to a
suggestion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from hiir.imaging.analysis.blockiness import BLOCKY, measure_blockiness
from hiir.imaging.analysis.blur import BLURRED, measure_blur
from hiir.imaging.analysis.drawing import measure_drawing
from hiir.imaging.analysis.jpeg_quality import read_jpeg_quality
from hiir.imaging.analysis.measurement import Measurement
from hiir.imaging.analysis.noise import measure_noise
from hiir.imaging.pixels import PixelRows
from hiir.imaging.strips import sample_strips

__all__ = ["PhotoAnalysis", "Suggestion", "analyze_photo"]

_NOISY = 8.0
_COMPRESSED = 60
# Blocks in a file of at least this quality come from an earlier compression.
_HARMLESS = 85
_CONFIDENT = 0.5


class Suggestion(StrEnum):
    """Tasks that may be suggested, in the order of their execution."""

    JPEG_ARTIFACTS = "jpeg-artifacts"
    DENOISE = "denoise"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoAnalysis:
    """Measurements of a photo, each with its confidence."""

    noise: Measurement
    """Standard deviation of the noise on the scale of 255.

    The confidence is that it is noise and not texture.
    """
    jpeg_quality: Measurement | None
    """1 to 100 on libjpeg's scale, from the quantization table; None for other formats."""
    blockiness: Measurement
    """Ratio of differences across JPEG block borders to those within blocks; 1 without blocks."""
    blur: Measurement
    """0 (sharp) to 1 (blurred). Only a hint: a soft scene has the same value."""
    drawing: Measurement
    """Share of the eight most frequent colors, and the confidence that the picture is a drawing."""

    @property
    def is_drawing(self) -> bool:
        """Whether the picture is a drawing or a screenshot."""
        return self.drawing.confidence >= _CONFIDENT

    @property
    def may_be_blurred(self) -> bool:
        """Whether the photo, or its scene, is soft."""
        return self.blur.value >= BLURRED

    @property
    def is_compressed(self) -> bool:
        """Whether JPEG compression has visibly damaged the photo."""
        return _is_low(self.jpeg_quality) or self._has_blocks

    @property
    def is_noisy(self) -> bool:
        """Whether the photo has visible noise."""
        is_certain = self.noise.confidence >= _CONFIDENT and not self.is_drawing
        return is_certain and self.noise.value >= _NOISY

    @property
    def suggestions(self) -> tuple[Suggestion, ...]:
        """Return the tasks that improve the photo, in order; empty if none does."""
        found = {
            Suggestion.JPEG_ARTIFACTS: self.is_compressed,
            Suggestion.DENOISE: self.is_noisy,
        }
        return tuple(task for task, is_found in found.items() if is_found)

    @property
    def confidence(self) -> float:
        """Confidence of the suggestion, 0 to 1: that of its least certain part, or of "no task"."""
        parts = [
            *([self._compression_confidence] if self.is_compressed else []),
            *([self.noise.confidence] if self.is_noisy else []),
        ]
        if parts:
            return min(parts)
        doubts = [self.noise.confidence if self.noise.value >= _NOISY / 2 else 0.0]
        if not self.is_drawing:
            doubts.append(1 - self.blockiness.confidence)
        return 1 - max(doubts) / 2

    @property
    def _has_blocks(self) -> bool:
        declared = self.jpeg_quality
        if declared is not None and declared.value < _HARMLESS:
            return False
        return self.blockiness.value >= BLOCKY and not self.is_drawing

    @property
    def _compression_confidence(self) -> float:
        declared = self.jpeg_quality
        by_table = declared.confidence if declared is not None and _is_low(declared) else 0.0
        by_blocks = self.blockiness.confidence if self._has_blocks else 0.0
        return max(by_table, by_blocks)


def analyze_photo(rows: PixelRows, *, luma_steps: Sequence[int] = ()) -> PhotoAnalysis:
    """Measure strips of a photo of any size.

    Args:
        rows: ``(H, W, C)`` uint8, uint16 or float32 [0, 1], gray or RGB; it may be stored in a
            file.
        luma_steps: the file's quantization steps if it is a JPEG (`ImageHeader.luma_steps`).

    Returns:
        The measurements and suggestions.
    """
    strips = sample_strips(rows)
    quality = read_jpeg_quality(luma_steps) if len(luma_steps) == 64 else None
    blockiness = measure_blockiness(strips)
    compressed = _is_low(quality) or blockiness.value >= BLOCKY
    return PhotoAnalysis(
        noise=measure_noise(np.concatenate(strips), compressed=compressed),
        jpeg_quality=quality,
        blockiness=blockiness,
        blur=measure_blur(strips),
        drawing=measure_drawing(strips),
    )


def _is_low(quality: Measurement | None) -> bool:
    if quality is None or quality.confidence < _CONFIDENT:
        return False
    return quality.value <= _COMPRESSED
