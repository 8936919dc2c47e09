"""Bodies about an analysis."""

from typing import Self

from hiir.imaging import Measurement, PhotoAnalysis, PhotoInfo, Suggestion
from service.schemas.view import View


class AnalysisConfidence(View):
    """Confidence of each value, 0 to 1."""

    noise_sigma: float
    """Confidence that it is noise, and not texture."""
    jpeg_quality: float
    """0 for other formats, and for tables that differ from those of libjpeg."""
    blockiness: float
    blur: float
    drawing: float
    """Confidence that `drawing` is right."""
    suggestion: float


class AnalysisView(View):
    """Measurements of a photo, and the tasks that they suggest. Nothing was stored."""

    format: str
    width: int
    """Width of the upright photo in pixels."""
    height: int
    noise_sigma: float
    """Standard deviation of the noise on the scale of 255."""
    jpeg_quality: int | None
    """1 to 100 on libjpeg's scale; null for other formats."""
    blockiness: float
    """Ratio of differences across JPEG block borders to those within blocks; 1 without blocks."""
    blur: float
    """0 (sharp) to 1 (blurred); only a hint, since a soft scene has the same value."""
    may_be_blurred: bool
    drawing: bool
    """Whether the picture is a drawing or a screenshot."""
    suggestion: list[Suggestion]
    """The tasks that `task=auto` would run, in order; empty if none is needed."""
    confidence: AnalysisConfidence

    @classmethod
    def of(cls, photo: PhotoInfo, analysis: PhotoAnalysis) -> Self:
        """Build the view of an analysis."""
        height, width, _ = photo.shape
        quality, drawn = analysis.jpeg_quality, analysis.drawing.confidence
        return cls(
            format=photo.header.format.value,
            width=width,
            height=height,
            noise_sigma=round(analysis.noise.value, 2),
            jpeg_quality=None if quality is None else round(quality.value),
            blockiness=round(analysis.blockiness.value, 3),
            blur=round(analysis.blur.value, 3),
            may_be_blurred=analysis.may_be_blurred,
            drawing=analysis.is_drawing,
            suggestion=list(analysis.suggestions),
            confidence=AnalysisConfidence(
                noise_sigma=_confidence(analysis.noise),
                jpeg_quality=0.0 if quality is None else _confidence(quality),
                blockiness=_confidence(analysis.blockiness),
                blur=_confidence(analysis.blur),
                drawing=round(max(drawn, 1 - drawn), 3),
                suggestion=round(analysis.confidence, 3),
            ),
        )


def _confidence(measured: Measurement) -> float:
    return round(measured.confidence, 3)
