"""Grow an image that is smaller than one tile."""

import numpy as np

from hiir.imaging.pixels import Uint8Pixels


def pad_to_tile(image: Uint8Pixels, tile: int) -> Uint8Pixels:
    """Return `(H, W, C)` pixels with both sides at least `tile`; the same array if they are.

    Rows are added below and columns to the right, so that the original stays at the origin and is
    cropped back by plain slicing. They are reflected: unlike replicated pixels they look like the
    image to the network (texture and noise go on), and unlike symmetric ones they do not put two
    equal noise samples side by side. NumPy reflects again where a side is shorter than its
    padding, and repeats a side of one pixel.
    """
    missing_rows = max(tile - image.shape[0], 0)
    missing_columns = max(tile - image.shape[1], 0)
    if missing_rows == 0 and missing_columns == 0:
        return image
    return np.pad(image, ((0, missing_rows), (0, missing_columns), (0, 0)), mode="reflect")
