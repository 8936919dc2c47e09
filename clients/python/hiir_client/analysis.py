"""What an analysis answers."""

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
    """Pixels."""
    height: int
    """Pixels."""
    noise_sigma: float
    """Standard deviation of the noise on the scale of 255."""
    jpeg_quality: int | None
    """1 to 100 on libjpeg's scale; None for other formats."""
    blockiness: float
    """Differences across the borders of JPEG's blocks against those within; 1 without blocks."""
    blur: float
    """0 for sharp to 1 for blurred: a hint."""
    may_be_blurred: bool
    drawing: bool
    """Whether it is a drawing or a screenshot."""
    suggestion: tuple[str, ...]
    """The tasks that `task="auto"` would run, in order; empty where none is needed."""
    confidence: AnalysisConfidence
