"""The quality of a JPEG file, from its quantization table."""

from collections.abc import Sequence

import numpy as np

from hiir.imaging.analysis.measurement import Measurement
from hiir.imaging.quantization import QuantizationTables, quantization_tables

__all__ = ["read_jpeg_quality"]

_QUALITIES = range(1, 101)
_STARTED_FROM = (QuantizationTables.STANDARD, QuantizationTables.MOZJPEG)
# The confidence is 0 where the steps differ by so much from those of the nearest quality, as the
# mean of the absolute logarithms of their ratios.
_UNKNOWN = 0.5


def read_jpeg_quality(luma_steps: Sequence[int]) -> Measurement:
    """Find the quality, 1 to 100 on libjpeg's scale, whose table is nearest to a file's.

    Args:
        luma_steps: 64 quantization steps of the brightness, row by row.

    Returns:
        The quality; the confidence is 1 if the tables are the same, and less for encoders with
        tables of their own.
    """
    given = np.log(np.maximum(np.array(luma_steps, np.float64), 1))
    distances = {
        (tables, quality): float(
            np.abs(
                np.log(quantization_tables(tables, quality=quality, chroma_quality=quality)[0])
                - given
            ).mean()
        )
        for tables in _STARTED_FROM
        for quality in _QUALITIES
    }
    nearest = min(distances, key=lambda each: distances[each])
    return Measurement(value=nearest[1], confidence=max(1 - distances[nearest] / _UNKNOWN, 0.0))
