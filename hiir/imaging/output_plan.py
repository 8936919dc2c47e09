"""The output file of a photo, chosen before any of it is processed."""

from dataclasses import dataclass

import numpy as np

from hiir.imaging.errors import ImageTooLarge, OutputUnsupported
from hiir.imaging.formats import ImageFormat, writable_formats
from hiir.imaging.options import PhotoOptions
from hiir.imaging.photo import PhotoInfo

_WITH_QUALITY = (ImageFormat.JPEG, ImageFormat.WEBP, ImageFormat.AVIF, ImageFormat.HEIC)
_LOSSLESS = (ImageFormat.PNG, ImageFormat.TIFF, ImageFormat.BMP, ImageFormat.WEBP)
_DEEP = (ImageFormat.PNG, ImageFormat.TIFF)
_BY_STRIPS = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.TIFF)
# AVIF itself allows 65536; readers based on libavif accept half of it. HEVC's levels have the same
# limit.
_MAX_SIDE = {
    ImageFormat.AVIF: 32_768,
    ImageFormat.HEIC: 16_384,
    ImageFormat.JPEG: 65_500,
    ImageFormat.WEBP: 16_383,
}
# Their offsets and sizes have 32 bits; some space is reserved for headers and metadata.
_MAX_BYTES = {ImageFormat.BMP: 2**32 - 2**20, ImageFormat.TIFF: 2**32 - 2**23}
_WITHOUT_ALPHA = (ImageFormat.JPEG, ImageFormat.BMP)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPlan:
    """The output file."""

    format: ImageFormat
    bit_depth: int
    is_lossless: bool
    """Whether it is written without loss, in a format that supports both."""

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Type of the samples that are written."""
        return np.dtype(np.uint16) if self.bit_depth == 16 else np.dtype(np.uint8)


def plan_photo(photo: PhotoInfo, options: PhotoOptions, *, scale: int = 1) -> OutputPlan:
    """Choose the output file for a photo, or a region of it, enlarged by `scale`.

    Raises:
        OutputUnsupported: if the format does not support an option, or transparency without a
            background.
        ImageTooLarge: if the format does not support the result's size.
    """
    target = options.format or _own_format(photo)
    if photo.has_alpha and target in _WITHOUT_ALPHA:
        raise OutputUnsupported(
            f"{target.name} cannot hold transparency: choose another format, or a background.",
            limit="background",
            actual="alpha",
        )
    if options.quality is not None and (target not in _WITH_QUALITY or options.lossless):
        raise OutputUnsupported(
            f"{target.name} is written without loss and has no quality.", actual="quality"
        )
    if options.lossless and target not in _LOSSLESS:
        raise OutputUnsupported(f"{target.name} cannot be written without loss.", actual="lossless")
    if options.bit_depth == 16 and target not in _DEEP:
        raise OutputUnsupported(
            f"{target.name} is written with 8 bits per sample.", limit=8, actual=16
        )
    wanted = options.bit_depth or photo.bit_depth
    stays_lossless = (
        photo.header.is_lossless and target is photo.header.format and options.quality is None
    )
    plan = OutputPlan(
        format=target,
        bit_depth=wanted if target in _DEEP else 8,
        is_lossless=target in _LOSSLESS and (options.lossless or stays_lossless),
    )
    height, width, channels = photo.shape
    if options.region is not None:
        height, width = options.region.height, options.region.width
    check_output_size(
        target,
        width=width * scale,
        height=height * scale,
        sample_bytes=(channels + photo.has_alpha) * plan.bit_depth // 8,
    )
    return plan


def check_output_size(target: ImageFormat, *, width: int, height: int, sample_bytes: int) -> None:
    """Check the size of an image against the limits of a format.

    Args:
        target: the format.
        width: width in pixels.
        height: height in pixels.
        sample_bytes: bytes of one pixel without compression.

    Raises:
        ImageTooLarge: if the image exceeds a limit.
    """
    side, limit = max(width, height), _MAX_SIDE.get(target)
    if limit is not None and side > limit:
        raise ImageTooLarge(
            f"{target.name} holds sides of at most {limit} pixels; the result has {side}.",
            limit=limit,
            actual=side,
        )
    size, most = width * height * sample_bytes, _MAX_BYTES.get(target)
    if most is not None and size > most:
        raise ImageTooLarge(
            f"{target.name} holds at most {most} bytes of samples; the result has {size}.",
            limit=most,
            actual=size,
        )


def _own_format(photo: PhotoInfo) -> ImageFormat:
    """Return the photo's format, or its substitute if the format can be read but not written."""
    own = photo.header.format
    if own in writable_formats():
        return own
    return ImageFormat.PNG if photo.has_alpha else ImageFormat.JPEG


def encoding_bytes(target: ImageFormat, pixels: int) -> int:
    """Return the peak memory for writing `pixels` pixels in bytes, without a constant part.

    PNG, JPEG and TIFF are written in strips; for other formats Pillow holds the whole image, and
    its encoders need as much again.
    """
    if target in _BY_STRIPS:
        return 0
    return pixels * (7 if target is ImageFormat.BMP else 12)
