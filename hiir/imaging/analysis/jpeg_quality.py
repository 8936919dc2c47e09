"""Estimation of the quality of a JPEG file from its quantization table."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from hiir.imaging.analysis.measurement import Measurement
from hiir.imaging.quantization import QuantizationTables, quantization_tables

__all__ = ["read_jpeg_quality"]

_QUALITIES = range(1, 101)
_STARTED_FROM = (QuantizationTables.STANDARD, QuantizationTables.MOZJPEG)
# The confidence is 0 if the steps differ from those of the nearest quality by this much: the mean
# of the absolute logarithms of their ratios.
_UNKNOWN = 0.5


def read_jpeg_quality(luma_steps: Sequence[int]) -> Measurement:
    """Find the quality, 1 to 100 on libjpeg's scale, whose table is closest to that of a file.

    Args:
        luma_steps: 64 quantization steps of luma, row by row.

    Returns:
        The quality; the confidence is 1 if the tables are equal, and less for encoders with other
        tables.
    """
    given = np.log(np.maximum(np.array(luma_steps, np.float64), 1))
    distances = np.abs(_known_tables() - given).mean(axis=1)
    nearest = int(distances.argmin())
    return Measurement(
        value=_QUALITIES[nearest % len(_QUALITIES)],
        confidence=max(1 - float(distances[nearest]) / _UNKNOWN, 0.0),
    )


@cache
def _known_tables() -> npt.NDArray[np.float64]:
    """Return ``(200, 64)``: logarithms of the steps, one row for each kind of table and quality."""
    tables = [
        quantization_tables(kind, quality=quality, chroma_quality=quality)[0]
        for kind in _STARTED_FROM
        for quality in _QUALITIES
    ]
    logarithms: npt.NDArray[np.float64] = np.log(tables)
    return logarithms
