"""Bayer mosaics: linear demosaicking as MATLAB's `demosaic`, whole or by rows."""

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
        """Return some of the rows."""
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
    # Mirrored about the outermost pixels, so that the pattern goes on.
    padded = np.pad(raw[..., 0], 2, mode="reflect")
    plain = raw[..., 0]
    green = _filter(padded, _GREEN_AT_OTHER)
    along_row = _filter(padded, _OTHER_AT_GREEN_IN_ITS_ROW)
    along_column = _filter(padded, np.transpose(_OTHER_AT_GREEN_IN_ITS_ROW))
    opposite = _filter(padded, _OTHER_AT_OPPOSITE)
    full = np.empty((*plain.shape, 3), np.float32)
    for place, color in enumerate(pattern.value):
        row, column = divmod(place, 2)
        at = np.s_[row::2, column::2]
        neighbor = pattern.value[2 * row + 1 - column]  # the other color of this row
        for index, wanted in enumerate("rgb"):
            if wanted == color:
                source = plain
            elif wanted == "g":
                source = green
            elif color != "g":
                source = opposite
            else:
                source = along_row if wanted == neighbor else along_column
            full[at][..., index] = source[at]
    return np.clip(full, 0, 1)


def _filter(
    padded: npt.NDArray[np.float32], kernel: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    height, width = padded.shape[0] - 4, padded.shape[1] - 4
    result = np.zeros((height, width), np.float32)
    for (row, column), weight in np.ndenumerate(kernel.astype(np.float32)):
        if weight:
            result += weight * padded[row : row + height, column : column + width]
    return result


class DemosaickedRows:
    """A mosaic that is demosaicked as it is read, so that the whole image is never in memory."""

    dtype = np.dtype(np.float32)

    def __init__(self, mosaic: MosaicRows, pattern: BayerPattern) -> None:
        """Wrap `(H, W, 1)` uint8 or uint16 samples with at least 3 rows."""
        self._mosaic = mosaic
        self._pattern = pattern
        self.shape = (*mosaic.shape[:2], 3)

    def __getitem__(self, rows: slice) -> FloatPixels:
        """Return rows as `(n, W, 3)` float32 [0, 1], equal to those of the whole mosaic."""
        top, bottom, _ = rows.indices(self.shape[0])
        # The filters reach two rows far, and the pattern begins in an even one.
        first = max(top - top % 2 - 2, 0)
        raw = to_unit(self._mosaic[first : min(bottom + 2, self.shape[0])])
        return demosaic_malvar(raw, self._pattern)[top - first : bottom - first]
