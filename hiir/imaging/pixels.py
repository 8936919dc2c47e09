"""Integer samples to float32 in [0, 1] and back, exactly.

Every one of the 256 or 65536 values survives the round trip: float32's rounding error, at most
65535 * 2**-23, is far below the half step at which `rint` would choose another integer.
"""

from typing import Any, Protocol, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

Uint8Pixels: TypeAlias = npt.NDArray[np.uint8]
Uint16Pixels: TypeAlias = npt.NDArray[np.uint16]
FloatPixels: TypeAlias = npt.NDArray[np.float32]
Pixels: TypeAlias = npt.NDArray[Any]
"""uint8 or uint16 samples: the type determines the depth, never the values."""

_Sample = TypeVar("_Sample", np.uint8, np.uint16)


class PixelRows(Protocol):
    """An image that is read by rows: an array, or a file (`PixelFile`)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(H, W, C)`, or `(H, W)`."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        ...

    def __getitem__(self, rows: slice, /) -> Any:
        """Return the rows as an array; a step is not supported."""
        ...


class WritableRows(PixelRows, Protocol):
    """An image that is also written by rows."""

    def __setitem__(self, rows: slice, samples: Any, /) -> None:
        """Write rows of the image's type; a step is not supported."""
        ...


def to_unit(pixels: Pixels) -> FloatPixels:
    """Scale uint8 or uint16 samples of any shape to float32 in [0, 1]."""
    return pixels.astype(np.float32) / np.float32(white(pixels.dtype))


@overload
def from_unit(values: FloatPixels, dtype: type[_Sample]) -> npt.NDArray[_Sample]: ...


@overload
def from_unit(values: FloatPixels, dtype: np.dtype[Any]) -> Pixels: ...


def from_unit(values: FloatPixels, dtype: Any) -> Pixels:
    """Clip finite values to [0, 1] and round them to the nearest uint8 or uint16 sample."""
    scaled = np.clip(values, 0, 1)
    scaled *= np.float32(white(np.dtype(dtype)))
    return np.rint(scaled, out=scaled).astype(dtype)


def change_depth(pixels: Pixels, dtype: np.dtype[Any]) -> Pixels:
    """Convert samples to the other type, with rounding if it is the smaller one."""
    if pixels.dtype == dtype:
        return pixels
    if dtype == np.uint16:
        return pixels.astype(np.uint16) * np.uint16(257)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def white(dtype: np.dtype[Any]) -> int:
    """Return the largest level of a type.

    Raises:
        ValueError: for any type but uint8 and uint16.
    """
    if dtype not in (np.uint8, np.uint16):
        raise ValueError(f"samples must be uint8 or uint16, not {dtype}")
    return int(np.iinfo(dtype).max)
