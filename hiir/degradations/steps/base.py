"""The base class of all steps, and functions that draw values from ranges."""

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
        raise ValueError(f"a range must go from low to high, not from {value[0]} to {value[1]}")
    return value


Range: TypeAlias = Annotated[
    tuple[float, float], BeforeValidator(_as_pair), AfterValidator(_ordered)
]
"""A number, or a pair of bounds to draw uniformly between."""


def _as_shares(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {value: 1.0}


def _not_empty(value: Mapping[T, float]) -> Mapping[T, float]:
    if not value:
        raise ValueError("at least 1 choice is needed, there are 0")
    return value


Shares: TypeAlias = Annotated[
    Mapping[T, PositiveFloat], BeforeValidator(_as_shares), AfterValidator(_not_empty)
]
"""One choice, or a mapping from each choice to its relative probability."""


def draw(bounds: tuple[float, float], random: np.random.Generator) -> float:
    """Draw a number uniformly from a range."""
    return float(random.uniform(*bounds))


def draw_log(bounds: tuple[float, float], random: np.random.Generator) -> float:
    """Draw a number whose logarithm is uniform; both bounds must be above 0."""
    return float(np.exp(random.uniform(*np.log(bounds))))


def draw_integer(bounds: tuple[float, float], random: np.random.Generator) -> int:
    """Draw an integer uniformly; both bounds are inclusive."""
    return int(random.integers(int(bounds[0]), int(bounds[1]) + 1))


def draw_share(shares: Mapping[T, float], random: np.random.Generator) -> T:
    """Draw a key with its share as the probability; a single key draws no random number."""
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
        """The border in pixels that an image needs around it for a correct result at its edges."""
        return 0

    @property
    def scale(self) -> int:
        """The number of clean pixels per degraded pixel, along a side."""
        return 1

    @property
    def views(self) -> int:
        """The number of pictures that one image becomes, stacked as channels."""
        return 1

    @property
    def turns(self) -> bool:
        """Whether degraded and clean images may be flipped and rotated together."""
        return True

    @property
    def least_factor(self) -> float:
        """The smallest factor by which a resizing step, such as `Resize`, can change the size."""
        return 1.0

    @property
    def any_size(self) -> bool:
        """Whether the size of the result is random; only `Resized` may contain such a step."""
        return False

    def apply(self, image: FloatPixels, random: np.random.Generator) -> FloatPixels:
        """Degrade one image, without changing it in place.

        Args:
            image: ``(H, W, C)`` float32, nominally in [0, 1].
            random: generator that all random numbers are drawn from.

        Returns:
            ``(H / scale, W / scale, C * views)`` float32.
        """
        raise NotImplementedError


class WeatherStep(BaseStep):
    """The base class of weather steps: particles fall, and the veil grows towards the horizon."""

    @property
    def turns(self) -> bool:
        """False: weather has an upright direction."""
        return False


def total_margin(steps: Sequence[BaseStep]) -> int:
    """Return the border in pixels that a sequence of steps needs, before the first of them."""
    needed, size = 0.0, 1.0
    for step in steps:
        needed += step.margin / size
        size *= step.least_factor / step.scale
    return ceil(needed)
