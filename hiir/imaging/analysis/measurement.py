"""A measured value and its confidence."""

from dataclasses import dataclass

__all__ = ["Measurement", "ramp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A measured value with its confidence."""

    value: float
    confidence: float
    """0 to 1; from 0.5 on the value is used."""


def ramp(value: float, *, low: float, high: float) -> float:
    """Return 0 up to `low`, 1 from `high` on, and interpolate linearly in between."""
    return min(max((value - low) / (high - low), 0.0), 1.0)
