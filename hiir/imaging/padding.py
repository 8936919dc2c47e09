"""Padding of an image to its tiles."""

from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

_Pixels = TypeVar("_Pixels", bound=npt.NDArray[Any])


def pad_to(image: _Pixels, height: int, width: int) -> _Pixels:
    """Return `(H, W, C)` pixels of at least this size; the same array if it is large enough.

    Rows are added below and columns to the right, so that the original stays at the origin and can
    be cropped by slicing. The padding is reflected: in contrast to replicated pixels it has the
    texture and noise of the image, and in contrast to symmetric padding it does not put two equal
    noise samples next to each other. NumPy reflects again if a side is shorter than its padding,
    and repeats a side of one pixel.
    """
    missing_rows = max(height - image.shape[0], 0)
    missing_columns = max(width - image.shape[1], 0)
    if missing_rows == 0 and missing_columns == 0:
        return image
    margins = ((0, missing_rows), (0, missing_columns), (0, 0))
    return cast("_Pixels", np.pad(image, margins, mode="reflect"))
