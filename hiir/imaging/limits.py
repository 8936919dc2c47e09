"""Limits on images, checked from the header before any pixel is decoded."""

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
    """The header of an image file."""

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
    is_lossless: bool = False
    """Whether it was compressed without loss in a format that also compresses with loss."""
    luma_steps: tuple[int, ...] = ()
    """Quantization steps of a JPEG's brightness, 64 row by row; empty for other formats."""

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """Limits on an image; all of them are inclusive."""

    max_pixels: int = 50_000_000
    max_side: int = 16_384
    min_side: int = 16
    max_frames: int = 1
    max_codec_bytes: int = 1024**3


def check_header(header: ImageHeader, limits: ImageLimits, frame: int | None = None) -> None:
    """Raise `ImageTooLarge`, `ImageTooSmall`, `TooManyFrames` or `UnsupportedPixelMode`.

    With a `frame` the file may have any number of them. A frame of an animation is what the ones
    before it have left, so that their pixels count too.
    """
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
    pixels = header.pixels
    if frame and header.format is not ImageFormat.TIFF:
        pixels *= frame + 1
    if pixels > limits.max_pixels:
        raise ImageTooLarge(
            f"The image has {pixels} pixels; at most {limits.max_pixels} are accepted.",
            limit=limits.max_pixels,
            actual=pixels,
        )
    if frame is None and header.frames > limits.max_frames:
        raise TooManyFrames(
            f"The file holds {header.frames} frames or pages; "
            f"at most {limits.max_frames} can be restored, unless one is chosen by frame.",
            limit=limits.max_frames,
            actual=header.frames,
        )
    if header.format is ImageFormat.AVIF and header.bit_depth > 8 and header.frames > 1:
        raise UnsupportedPixelMode(
            f"An animated AVIF of {header.bit_depth} bits per sample is not supported.",
            limit=8,
            actual=header.bit_depth,
        )
    check_mode(header.mode, bit_depth=header.bit_depth, image_format=header.format)
    needed = codec_bytes(header)
    if needed > limits.max_codec_bytes:
        raise ImageTooLarge(
            f"Decoding the image takes {needed} bytes of memory; "
            f"at most {limits.max_codec_bytes} are there for it.",
            limit=limits.max_codec_bytes,
            actual=needed,
        )


def codec_bytes(header: ImageHeader) -> int:
    """Memory that decoding or encoding takes at its peak, beside a constant.

    The decoders hold the whole image: Pillow in up to 4 bytes for each pixel, libvips in up to 4
    samples of 2. What is made of it, they are asked for in bands.
    """
    if header.format is ImageFormat.AVIF and header.bit_depth > 8:
        return header.pixels * 16  # both decoders, and a copy
    return header.pixels * (8 if header.bit_depth > 8 else 4)
