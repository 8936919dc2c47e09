"""Quantization tables of JPEG files, scaled by quality in the same way as libjpeg."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

__all__ = ["QuantizationTables", "quantization_tables"]


class QuantizationTables(StrEnum):
    """Base tables of encoders."""

    STANDARD = "standard"
    """ITU-T T.81, annex K: libjpeg's, and, with other scales for color, those of most cameras."""
    MOZJPEG = "mozjpeg"
    """Robidoux's table, for both luma and color: the default of mozjpeg."""
    PSNR_HVS = "psnr-hvs"
    """Tuned for the metric PSNR-HVS-M; mozjpeg's fourth table."""
    FLAT = "flat"
    """16 for every frequency; mozjpeg's first table."""


def quantization_tables(
    tables: QuantizationTables, *, quality: int, chroma_quality: int
) -> list[list[int]]:
    """Return tables for luma and for color: 64 steps each, row by row, from 1 to 255.

    Args:
        tables: the base tables.
        quality: quality of luma, 1 to 100, on libjpeg's scale.
        chroma_quality: quality of color, 1 to 100.
    """
    luma, chroma = _TABLES[tables]
    return [_scaled(luma, quality), _scaled(chroma, chroma_quality)]


def _scaled(table: npt.NDArray[np.int64], quality: int) -> list[int]:
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps: list[int] = np.clip((table * percent + 50) // 100, 1, 255).tolist()
    return steps


def _table(*rows: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.array(rows, np.int64).ravel()


_ROBIDOUX = _table(
    (16, 16, 16, 18, 25, 37, 56, 85),
    (16, 17, 20, 27, 34, 40, 53, 75),
    (16, 20, 24, 31, 43, 62, 91, 135),
    (18, 27, 31, 40, 53, 74, 106, 156),
    (25, 34, 43, 53, 69, 94, 131, 189),
    (37, 40, 62, 74, 94, 124, 169, 238),
    (56, 53, 91, 106, 131, 169, 226, 311),
    (85, 75, 135, 156, 189, 238, 311, 418),
)
_STANDARD_LUMA = _table(
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_STANDARD_CHROMA = _table(
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)
_PSNR_HVS = _table(
    (9, 10, 12, 14, 27, 32, 51, 62),
    (11, 12, 14, 19, 27, 44, 59, 73),
    (12, 14, 18, 25, 42, 59, 79, 78),
    (17, 18, 25, 42, 61, 92, 87, 92),
    (23, 28, 42, 75, 79, 112, 112, 99),
    (40, 42, 59, 84, 88, 124, 132, 111),
    (42, 64, 78, 95, 105, 126, 125, 99),
    (70, 75, 100, 102, 116, 100, 107, 98),
)
_FLAT = np.full(64, 16, np.int64)

# Luma, color. For color, mozjpeg's fourth table differs little from the standard one.
_TABLES = {
    QuantizationTables.STANDARD: (_STANDARD_LUMA, _STANDARD_CHROMA),
    QuantizationTables.MOZJPEG: (_ROBIDOUX, _ROBIDOUX),
    QuantizationTables.PSNR_HVS: (_PSNR_HVS, _STANDARD_CHROMA),
    QuantizationTables.FLAT: (_FLAT, _FLAT),
}
