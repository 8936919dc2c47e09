"""Reading one clean photo as color or gray."""

from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hiir.datasets.packed_images import DatasetError
from hiir.imaging import Uint8Pixels, Uint16Pixels

__all__ = [
    "ColorMode",
    "crop_to_multiple",
    "is_gray",
    "read_photo",
    "read_samples",
    "to_gray",
    "to_luma",
]


# Pillow's names of 16-bit RGB samples, big-endian as a PNG has them, and little-endian.
_DEEP, _DEEP_SWAPPED = "RGB;16B", "RGB;16L"


class ColorMode(StrEnum):
    """The channels that a photo is read as."""

    RGB = "rgb"
    GRAY = "gray"
    """Luma over the full range, as in OpenCV and Pillow."""
    LUMA = "luma"
    """Luma from 16 to 235, as in MATLAB's ``rgb2ycbcr``."""

    @property
    def channels(self) -> int:
        """3 or 1."""
        return 3 if self is ColorMode.RGB else 1


def read_photo(path: Path, color: ColorMode) -> Uint8Pixels:
    """Read an image as ``(H, W, 3 or 1)`` uint8; the samples of a gray file are its luma.

    Raises:
        DatasetError: if the file cannot be decoded; the message names it.
    """
    try:
        with Image.open(path) as image:
            if color is not ColorMode.RGB and image.mode == "L":
                return np.asarray(image)[..., np.newaxis]
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{path} cannot be decoded: {error}") from error
    match color:
        case ColorMode.RGB:
            return pixels
        case ColorMode.GRAY:
            return to_gray(pixels)
        case ColorMode.LUMA:
            return to_luma(pixels)


def read_samples(path: Path) -> Uint8Pixels | Uint16Pixels:
    """Read an image as ``(H, W, 3)``: uint16 for a PNG with 16 bits per channel, otherwise uint8.

    Raises:
        DatasetError: if the file cannot be decoded; the message names it.
    """
    try:
        with Image.open(path) as image:
            if image.format != "PNG" or image.tile[0].args != _DEEP:
                return np.asarray(image.convert("RGB"))
            high = np.asarray(image)
        # Pillow keeps the first byte of each sample; read as the other byte order that is the low
        # one.
        with Image.open(path) as image:
            image.tile = [image.tile[0]._replace(args=_DEEP_SWAPPED)]
            low = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{path} cannot be decoded: {error}") from error
    deep: Uint16Pixels = (high.astype(np.uint16) << np.uint16(8)) | low
    return deep


def is_gray(path: Path) -> bool:
    """Return whether a file has one channel; raises `DatasetError` as `read_photo` does."""
    try:
        with Image.open(path) as image:
            return image.mode == "L"
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"{path} cannot be decoded: {error}") from error


def crop_to_multiple(pixels: Uint8Pixels, scale: int) -> Uint8Pixels:
    """Crop ``(H, W, C)`` at the bottom and the right to multiples of the scale."""
    height, width = (side // scale * scale for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def to_gray(pixels: Uint8Pixels) -> Uint8Pixels:
    """BT.601 luma from 0 to 255 of ``(H, W, 3)`` uint8 RGB, rounded, as ``(H, W, 1)`` uint8."""
    return _weighed(pixels, np.array([0.299, 0.587, 0.114]), 0.0)


def to_luma(pixels: Uint8Pixels) -> Uint8Pixels:
    """BT.601 luma from 16 to 235 of ``(H, W, 3)`` uint8 RGB, rounded, as ``(H, W, 1)`` uint8."""
    return _weighed(pixels, np.array([65.481, 128.553, 24.966]) / 255.0, 16.0)


def _weighed(pixels: Uint8Pixels, weights: npt.NDArray[np.float64], offset: float) -> Uint8Pixels:
    values: Uint8Pixels = np.rint(pixels.astype(np.float64) @ weights + offset).astype(np.uint8)
    return values[..., np.newaxis]
