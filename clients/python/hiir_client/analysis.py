"""The response of an analysis."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisConfidence:
    """Confidence of each value of an analysis, 0 to 1."""

    noise_sigma: float
    jpeg_quality: float
    blockiness: float
    blur: float
    drawing: float
    suggestion: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Measurements of a photo, and the tasks that they suggest."""

    format: str
    width: int
    """Width in pixels."""
    height: int
    """Height in pixels."""
    noise_sigma: float
    """Standard deviation of the noise on the scale of 255."""
    jpeg_quality: int | None
    """1 to 100 on libjpeg's scale; None for other formats."""
    blockiness: float
    """Ratio of differences across JPEG block borders to those within blocks; 1 without blocks."""
    blur: float
    """0 (sharp) to 1 (blurred); only a hint."""
    may_be_blurred: bool
    drawing: bool
    """Whether the picture is a drawing or a screenshot."""
    suggestion: tuple[str, ...]
    """The tasks that `task="auto"` would run, in order; empty if none is needed."""
    confidence: AnalysisConfidence
