"""Padding of an image to its tiles."""

from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

_Pixels = TypeVar("_Pixels", bound=npt.NDArray[Any])


def pad_to(image: _Pixels, height: int, width: int) -> _Pixels:
    """Return `(H, W, C)` pixels of at least this size; the same array if it is large enough.

    Rows are added below and columns to the right, so that the original stays at the origin and is
    cropped back by plain slicing. They are reflected: unlike replicated pixels they look like the
    image to the network (texture and noise go on), and unlike symmetric ones they do not put two
    equal noise samples side by side. NumPy reflects again where a side is shorter than its padding,
    and repeats a side of one pixel.
    """
    missing_rows = max(height - image.shape[0], 0)
    missing_columns = max(width - image.shape[1], 0)
    if missing_rows == 0 and missing_columns == 0:
        return image
    margins = ((0, missing_rows), (0, missing_columns), (0, 0))
    return cast("_Pixels", np.pad(image, margins, mode="reflect"))
