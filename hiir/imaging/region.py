"""A rectangular part of an image to restore."""

import re
from dataclasses import dataclass
from typing import Self

__all__ = ["Region"]

_TEXT = re.compile(r"([0-9]{1,6}),([0-9]{1,6}),([0-9]{1,6}),([0-9]{1,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle of an upright image, in its pixels; the origin is the top left corner."""

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        """Check the rectangle.

        Raises:
            ValueError: if it has no pixels, or starts at a negative position.
        """
        if min(self.left, self.top) < 0 or min(self.width, self.height) < 1:
            raise ValueError(f"a region has a side without pixels or a negative place: {self}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `left,top,width,height`, whole numbers of up to six digits, as written by `str`.

        Raises:
            ValueError: for any other text, and for a rectangle without pixels.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"a region is left,top,width,height, not {text!r}")
        left, top, width, height = map(int, found.groups())
        return cls(left=left, top=top, width=width, height=height)

    @property
    def right(self) -> int:
        """First column to the right of the rectangle."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """First row below the rectangle."""
        return self.top + self.height

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    def scaled(self, scale: int) -> Self:
        """Return the rectangle in an image that is enlarged by an integer factor."""
        return type(self)(
            left=self.left * scale,
            top=self.top * scale,
            width=self.width * scale,
            height=self.height * scale,
        )

    def is_inside(self, *, height: int, width: int) -> bool:
        """Return whether the rectangle is inside an image of this size."""
        return self.right <= width and self.bottom <= height

    def __str__(self) -> str:
        """Return `left,top,width,height`, the form that the API accepts."""
        return f"{self.left},{self.top},{self.width},{self.height}"
