"""The brightness of lights that a file stores as white."""

from typing import Annotated, TypeAlias

import numpy as np
from pydantic import AfterValidator

from hiir.degradations.steps.base import Range, draw_log

__all__ = ["Highlights", "draw_highlights"]


def _above_white(value: tuple[float, float]) -> tuple[float, float]:
    if not 1 <= value[0] <= value[1] <= 100:
        raise ValueError(f"highlights must be within 1 to 100, not {value}")
    return value


Highlights: TypeAlias = Annotated[Range, AfterValidator(_above_white)]
"""Range of the linear light of saturated pixels, where 1 is white."""


def draw_highlights(bounds: tuple[float, float], random: np.random.Generator) -> float:
    """Draw a value uniformly in its logarithm; equal bounds draw nothing from the generator."""
    return bounds[0] if bounds[0] == bounds[1] else draw_log(bounds, random)
