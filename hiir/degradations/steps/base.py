"""What every step of a recipe has, and the ranges that its strengths are drawn from."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Annotated, Any, TypeAlias, TypeVar

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PositiveFloat

from hiir.imaging import FloatPixels

__all__ = [
    "BaseStep",
    "Range",
    "Shares",
    "WeatherStep",
    "draw",
    "draw_integer",
    "draw_log",
    "draw_share",
    "total_margin",
]

T = TypeVar("T")


def _as_pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int | float) else value


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"a range goes from low to high, not from {value[0]} to {value[1]}")
    return value


Range: TypeAlias = Annotated[
    tuple[float, float], BeforeValidator(_as_pair), AfterValidator(_ordered)
]
"""A number, or a pair to draw uniformly between."""


def _as_shares(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {value: 1.0}


def _not_empty(value: Mapping[T, float]) -> Mapping[T, float]:
    if not value:
        raise ValueError("at least 1 choice is needed, there are 0")
    return value


Shares: TypeAlias = Annotated[
    Mapping[T, PositiveFloat], BeforeValidator(_as_shares), AfterValidator(_not_empty)
]
"""One choice, or a mapping from each choice to how often it is drawn against the others."""


def draw(bounds: tuple[float, float], random: np.random.Generator) -> float:
    """Draw a number uniformly from a range."""
    return float(random.uniform(*bounds))


def draw_log(bounds: tuple[float, float], random: np.random.Generator) -> float:
    """Draw a number whose logarithm is uniform; both bounds are above 0."""
    return float(np.exp(random.uniform(*np.log(bounds))))


def draw_integer(bounds: tuple[float, float], random: np.random.Generator) -> int:
    """Draw a whole number, both bounds included."""
    return int(random.integers(int(bounds[0]), int(bounds[1]) + 1))


def draw_share(shares: Mapping[T, float], random: np.random.Generator) -> T:
    """Draw a key of a mapping; a single one takes nothing from the generator."""
    keys = list(shares)
    if len(keys) == 1:
        return keys[0]
    weights = np.array([shares[key] for key in keys])
    return keys[int(random.choice(len(keys), p=weights / weights.sum()))]


class BaseStep(BaseModel):
    """A degradation with its ranges; subclasses add ``kind`` and ``apply``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def margin(self) -> int:
        """Pixels of surroundings that an image must have for its border to be right."""
        return 0

    @property
    def scale(self) -> int:
        """Pixels of the clean image per pixel of the degraded one, along a side."""
        return 1

    @property
    def views(self) -> int:
        """Pictures that come out of one, stacked as channels."""
        return 1

    @property
    def turns(self) -> bool:
        """Whether a degraded image may be mirrored and turned together with its clean one."""
        return True

    @property
    def least_factor(self) -> float:
        """Least size that a step of any size, such as `Resize`, gives, where 1 is the input's."""
        return 1.0

    @property
    def any_size(self) -> bool:
        """Whether the size of the result is drawn: `Resized` alone may hold such a step."""
        return False

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Degrade ``(H, W, C)`` float32 on the scale of [0, 1]; `image` itself stays as it is."""
        raise NotImplementedError


class WeatherStep(BaseStep):
    """Weather: it falls, and thickens towards the horizon."""

    @property
    def turns(self) -> bool:
        """Upright as it is."""
        return False


def total_margin(steps: Sequence[BaseStep]) -> int:
    """Margin of steps that follow one another, in pixels before the first."""
    needed, size = 0.0, 1.0
    for step in steps:
        needed += step.margin / size
        size *= step.least_factor / step.scale
    return ceil(needed)
