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
    """Width in pixels as stored; a rotated photo may have its sides exchanged in the result."""
    height: int
    frames: int
    """Number of frames or pages. TIFF pages are counted up to a hundred, because each needs a seek.
    """
    mode: str
    """Pillow's name of the pixel mode."""
    bit_depth: int
    """Bits per sample in the file; Pillow's mode does not show more than 8."""
    is_lossless: bool = False
    """Whether it was compressed without loss, in a format that supports both."""
    luma_steps: tuple[int, ...] = ()
    """Quantization steps of a JPEG's luma, 64 row by row; empty for other formats."""

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
    """Check a header against the limits.

    If a `frame` is given, the file may have any number of frames. A frame of an animation is built
    on those before it, so their pixels also count.

    Raises:
        ImageTooLarge: if it has too many pixels, or a side is too long.
        ImageTooSmall: if a side is too short.
        TooManyFrames: if it has several frames, and no `frame` is given.
        UnsupportedPixelMode: if the mode or depth is not supported.
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
    """Return the peak memory for decoding or encoding in bytes, without a constant part.

    The decoders hold the whole image: Pillow uses up to 4 bytes per pixel, libvips up to 4 samples
    of 2 bytes. All further processing is done in bands.
    """
    if header.format is ImageFormat.AVIF and header.bit_depth > 8:
        return header.pixels * 16  # both decoders, and a copy
    return header.pixels * (8 if header.bit_depth > 8 else 4)
