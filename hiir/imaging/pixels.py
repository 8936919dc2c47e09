"""Integer samples to float32 in [0, 1] and back, exactly.

Every one of the 256 or 65536 values survives the round trip: float32's rounding error, at most
65535 * 2**-23, is far below the half step at which `rint` would choose another integer.
"""

from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Uint8Pixels: TypeAlias = npt.NDArray[np.uint8]
Uint16Pixels: TypeAlias = npt.NDArray[np.uint16]
FloatPixels: TypeAlias = npt.NDArray[np.float32]

_Sample = TypeVar("_Sample", np.uint8, np.uint16)


def to_unit(pixels: Uint8Pixels | Uint16Pixels) -> FloatPixels:
    """Scale uint8 or uint16 samples of any shape to float32 in [0, 1]."""
    return pixels.astype(np.float32) / np.float32(_white(pixels.dtype))


def from_unit(values: FloatPixels, dtype: type[_Sample]) -> npt.NDArray[_Sample]:
    """Clip finite values to [0, 1] and round them to the nearest uint8 or uint16 sample."""
    scaled = np.clip(values, 0, 1)
    scaled *= np.float32(_white(np.dtype(dtype)))
    return np.rint(scaled, out=scaled).astype(dtype)


def _white(dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> int:
    if dtype not in (np.uint8, np.uint16):
        raise ValueError(f"samples must be uint8 or uint16, not {dtype}")
    return int(np.iinfo(dtype).max)
