"""EXIF's eight orientations, applied to an image that is read in pieces.

A stored image is made upright by mirroring and, for 5 to 8, by exchanging rows and columns. A few
rows of the upright image are therefore a few rows or columns of the stored one, and no second copy
is made.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy.typing as npt

_Samples = TypeVar("_Samples", bound=npt.NDArray[Any])

UPRIGHT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Part of a stored image, in pixels; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of EXIF's orientations; any other number is treated as 1, upright."""

    value: int = UPRIGHT

    @property
    def is_upright(self) -> bool:
        """Whether the stored image is already upright."""
        return not 2 <= self.value <= 8

    @property
    def swaps_sides(self) -> bool:
        """Whether the width of the upright image is the height of the stored one."""
        return 5 <= self.value <= 8

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the upright image."""
        return (height, width) if self.swaps_sides else (width, height)

    def stored_box(self, top: int, bottom: int, *, width: int, height: int) -> Box:
        """Return the stored part with rows `top` to `bottom` (exclusive) of the upright image."""
        match self.value:
            case 3 | 4:
                return Box(left=0, top=height - bottom, right=width, bottom=height - top)
            case 5 | 6:
                return Box(left=top, top=0, right=bottom, bottom=height)
            case 7 | 8:
                return Box(left=width - bottom, top=0, right=width - top, bottom=height)
            case _:
                return Box(left=0, top=top, right=width, bottom=bottom)

    def turn(self, stored: _Samples) -> _Samples:
        """Return an upright view of `(h, w, ...)` stored samples."""
        if self.swaps_sides:
            stored = stored.swapaxes(0, 1)  # type: ignore[assignment]
        if self.value in {3, 4, 7, 8} and not self.swaps_sides:
            stored = stored[::-1]  # type: ignore[assignment]
        if self.value in {2, 3}:
            stored = stored[:, ::-1]  # type: ignore[assignment]
        if self.value in {6, 7}:
            stored = stored[:, ::-1]  # type: ignore[assignment]
        if self.value in {7, 8}:
            stored = stored[::-1]  # type: ignore[assignment]
        return stored
