"""Bayer mosaics: linear demosaicking like MATLAB's `demosaic`, of a whole image or by rows."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hiir.imaging.pixels import FloatPixels, Uint8Pixels, Uint16Pixels, to_unit


class MosaicRows(Protocol):
    """`(H, W, 1)` uint8 or uint16 samples that are read by rows, from an array or a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(H, W, 1)`."""
        ...

    def __getitem__(self, rows: slice) -> Uint8Pixels | Uint16Pixels:
        """Return the rows as `(n, W, 1)`."""
        ...


class BayerPattern(StrEnum):
    """Colors of the 2 x 2 pixels at the top left, row by row."""

    RGGB = "rggb"
    BGGR = "bggr"
    GRBG = "grbg"
    GBRG = "gbrg"


# Malvar, He and Cutler (2004).
_GREEN_AT_OTHER = (
    np.array(
        [
            [0, 0, -1, 0, 0],
            [0, 0, 2, 0, 0],
            [-1, 2, 4, 2, -1],
            [0, 0, 2, 0, 0],
            [0, 0, -1, 0, 0],
        ]
    )
    / 8
)
_OTHER_AT_GREEN_IN_ITS_ROW = (
    np.array(
        [
            [0, 0, 0.5, 0, 0],
            [0, -1, 0, -1, 0],
            [-1, 4, 5, 4, -1],
            [0, -1, 0, -1, 0],
            [0, 0, 0.5, 0, 0],
        ]
    )
    / 8
)
_OTHER_AT_OPPOSITE = (
    np.array(
        [
            [0, 0, -1.5, 0, 0],
            [0, 2, 0, 2, 0],
            [-1.5, 0, 6, 0, -1.5],
            [0, 2, 0, 2, 0],
            [0, 0, -1.5, 0, 0],
        ]
    )
    / 8
)


def demosaic_malvar(raw: FloatPixels, pattern: BayerPattern) -> FloatPixels:
    """Interpolate the missing colors by gradient-corrected linear filters (Malvar et al., 2004).

    Args:
        raw: ``(H, W, 1)`` float32 mosaic [0, 1], at least 3 x 3 pixels.
        pattern: Bayer pattern of the mosaic.

    Returns:
        ``(H, W, 3)`` float32 [0, 1], clipped as by MATLAB's integer arithmetic, not rounded.
    """
    # Mirrored at the outermost pixels, so that the pattern continues.
    padded = np.pad(raw[..., 0], 2, mode="reflect")
    # Every filter is needed at only half of the pixels: there is one plane for each of the four
    # positions of the pattern.
    planes = [[np.ascontiguousarray(padded[i::2, j::2]) for j in (0, 1)] for i in (0, 1)]
    full = np.empty((*raw.shape[:2], 3), np.float32)
    for place, color in enumerate(pattern.value):
        row, column = divmod(place, 2)
        neighbor = pattern.value[2 * row + 1 - column]  # the other color of this row
        target = full[row::2, column::2]
        for index, wanted in enumerate("rgb"):
            if wanted == color:
                target[..., index] = raw[row::2, column::2, 0]
                continue
            if wanted == "g":
                kernel = _GREEN_AT_OTHER
            elif color != "g":
                kernel = _OTHER_AT_OPPOSITE
            elif wanted == neighbor:
                kernel = _OTHER_AT_GREEN_IN_ITS_ROW
            else:
                kernel = np.transpose(_OTHER_AT_GREEN_IN_ITS_ROW)
            target[..., index] = _filter(planes, kernel, (row, column), target.shape[:2])
    return np.clip(full, 0, 1, out=full)


def _filter(
    planes: Sequence[Sequence[npt.NDArray[np.float32]]],
    kernel: npt.NDArray[np.float64],
    place: tuple[int, int],
    shape: tuple[int, ...],
) -> npt.NDArray[np.float32]:
    """Filter at every second pixel of every second row, starting at `place`.

    Args:
        planes: planes of the padded mosaic: ``planes[i][j]`` is its ``[i::2, j::2]``.
        kernel: ``(5, 5)``.
        place: row and column, 0 or 1, of the first pixel.
        shape: rows and columns of the result.
    """
    result = np.zeros(shape, np.float32)
    term = np.empty_like(result)
    for (row, column), weight in np.ndenumerate(kernel.astype(np.float32)):
        if weight:
            (top, i), (left, j) = divmod(place[0] + row, 2), divmod(place[1] + column, 2)
            part = planes[i][j][top : top + shape[0], left : left + shape[1]]
            result += np.multiply(part, weight, out=term)
    return result


class DemosaickedRows:
    """A mosaic that is demosaicked while it is read, so that the whole image is never in memory."""

    dtype = np.dtype(np.float32)

    def __init__(self, mosaic: MosaicRows, pattern: BayerPattern) -> None:
        """Wrap `(H, W, 1)` uint8 or uint16 samples with at least 3 rows."""
        self._mosaic = mosaic
        self._pattern = pattern
        self.shape = (*mosaic.shape[:2], 3)

    def __getitem__(self, rows: slice) -> FloatPixels:
        """Return rows as `(n, W, 3)` float32 [0, 1], equal to those of the whole mosaic."""
        top, bottom, _ = rows.indices(self.shape[0])
        # The filters reach over two rows, and the pattern begins in an even row.
        first = max(top - top % 2 - 2, 0)
        raw = to_unit(self._mosaic[first : min(bottom + 2, self.shape[0])])
        return demosaic_malvar(raw, self._pattern)[top - first : bottom - first]
