"""What an image may measure, decided from its header before any pixel is decoded."""

from dataclasses import dataclass

from hiir.imaging.errors import (
    ImageTooLarge,
    ImageTooSmall,
    TooManyFrames,
    UnsupportedPixelMode,
)
from hiir.imaging.formats import ImageFormat
from hiir.imaging.modes import check_mode


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """What a file says about itself."""

    format: ImageFormat
    width: int
    """Pixels; sides are as stored, so that a rotated photo may come out the other way round."""
    height: int
    frames: int
    """Frames or pages. TIFF pages are counted to a hundred, each costs a seek."""
    mode: str
    """Pillow's name of the pixel mode."""
    bit_depth: int
    """Bits per sample in the file; Pillow's mode hides more than 8."""

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """Bounds for an image; every one is inclusive."""

    max_pixels: int = 50_000_000
    max_side: int = 16_384
    min_side: int = 16
    max_frames: int = 1


def check_header(header: ImageHeader, limits: ImageLimits) -> None:
    """Raise `ImageTooLarge`, `ImageTooSmall`, `TooManyFrames` or `UnsupportedPixelMode`."""
    longest, shortest = max(header.width, header.height), min(header.width, header.height)
    if shortest < limits.min_side:
        raise ImageTooSmall(
            f"The shorter side has {shortest} pixels; at least {limits.min_side} are needed.",
            limit=limits.min_side,
            actual=shortest,
        )
    if longest > limits.max_side:
        raise ImageTooLarge(
            f"The longer side has {longest} pixels; at most {limits.max_side} are accepted.",
            limit=limits.max_side,
            actual=longest,
        )
    if header.pixels > limits.max_pixels:
        raise ImageTooLarge(
            f"The image has {header.pixels} pixels; at most {limits.max_pixels} are accepted.",
            limit=limits.max_pixels,
            actual=header.pixels,
        )
    if header.frames > limits.max_frames:
        raise TooManyFrames(
            f"The file holds {header.frames} frames or pages; "
            f"at most {limits.max_frames} can be restored.",
            limit=limits.max_frames,
            actual=header.frames,
        )
    if header.bit_depth > 8:
        raise UnsupportedPixelMode(
            f"The image has {header.bit_depth} bits per sample; at most 8 are supported, and they "
            "are not reduced silently.",
            limit=8,
            actual=header.bit_depth,
        )
    check_mode(header.mode)
    if header.format is ImageFormat.BMP and header.mode == "RGBA":
        raise UnsupportedPixelMode(
            "A BMP with transparency cannot be written back; send it as PNG.",
            actual=header.mode,
        )
