"""Image files to pixels and back: header first, limits before pixels, typed errors only.

Each format is read by its own Pillow plugin, chosen by content from an explicit list, instead of
through `Image.open`: no other parser is ever reached, and an image's true size is known and held
against `ImageLimits` before anything is decoded, without Pillow's process-wide bomb setting.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from hiir.imaging.errors import (
    EmptyImage,
    ImageTooLarge,
    UnsupportedImageFormat,
    UnsupportedPixelMode,
)
from hiir.imaging.file_header import read_header
from hiir.imaging.formats import SIGNATURE_BYTES, ImageFormat, sniff_format
from hiir.imaging.limits import ImageHeader, ImageLimits, check_header
from hiir.imaging.metadata import ImageMetadata, turn_upright
from hiir.imaging.modes import Planes, join_planes, split_planes
from hiir.imaging.pillow_errors import translated
from hiir.imaging.pixels import Uint8Pixels
from hiir.imaging.tiff_writer import write_tiff

_PLUGINS: Mapping[ImageFormat, Callable[[BinaryIO], ImageFile]] = {
    ImageFormat.AVIF: AvifImageFile,
    ImageFormat.BMP: BmpImageFile,
    ImageFormat.JPEG: JpegImageFile,
    ImageFormat.PNG: PngImageFile,
    ImageFormat.TIFF: TiffImageFile,
    ImageFormat.WEBP: WebPImageFile,
}
_WRITE_OPTIONS: Mapping[ImageFormat, Mapping[str, Any]] = {
    ImageFormat.AVIF: {"quality": 90, "subsampling": "4:4:4"},
    ImageFormat.BMP: {},
    ImageFormat.JPEG: {"quality": 95, "subsampling": "4:4:4"},
    ImageFormat.PNG: {},
    ImageFormat.WEBP: {"quality": 95},
}
# AVIF itself allows 65536; readers built on libavif take half of it.
_MAX_SIDE_WRITTEN = {
    ImageFormat.AVIF: 32_768,
    ImageFormat.JPEG: 65_500,
    ImageFormat.WEBP: 16_383,
}
_WITHOUT_ALPHA = (ImageFormat.JPEG, ImageFormat.BMP)
_JPEG_XMP_BYTES = 65_504


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedImage:
    """An upright image with what is needed to write it back as it came."""

    header: ImageHeader
    pixels: Uint8Pixels
    """`(H, W, 3)` RGB; three equal channels for a gray image."""
    alpha: Uint8Pixels | None
    """`(H, W)`, 255 is opaque; None where the image has no alpha."""
    gray: bool
    metadata: ImageMetadata


def probe(source: bytes | BinaryIO) -> ImageHeader:
    """Read only the header of a file; a stream is read from its start and left there.

    Raises `EmptyImage`, `UnsupportedImageFormat`, `ImageTruncated`, `ImageCorrupt`, and
    `ImageTooLarge` for a size that Pillow itself refuses. Limits are for `check_header`.
    """
    stream = _as_stream(source)
    try:
        image_format = _sniff(stream)
        with translated(stream, image_format), _PLUGINS[image_format](stream) as image:
            return read_header(image, stream, image_format)
    finally:
        stream.seek(0)


def decode(source: bytes | BinaryIO, limits: ImageLimits) -> DecodedImage:
    """Check the header against `limits`, decode the pixels and apply the EXIF orientation.

    Raises what `probe` and `check_header` raise, the latter before any pixel is decoded.
    """
    stream = _as_stream(source)
    image_format = _sniff(stream)
    with translated(stream, image_format), _PLUGINS[image_format](stream) as image:
        header = read_header(image, stream, image_format)
        check_header(header, limits)
        image.load()
        metadata = turn_upright(image)
        planes = split_planes(image, bit_depth=header.bit_depth)
    return DecodedImage(
        header=header,
        pixels=planes.pixels,
        alpha=planes.alpha,
        gray=planes.gray,
        metadata=metadata,
    )


def encode(
    pixels: Uint8Pixels, *, like: DecodedImage, image_format: ImageFormat | None = None
) -> bytes:
    """Write `(H, W, 3)` pixels as `like` came: its format, gray, alpha and metadata.

    JPEG is written at quality 95 without chroma subsampling, WebP at 95, AVIF at 90, PNG and TIFF
    lossless. `image_format` asks for another format.

    Raises `UnsupportedPixelMode` if the format cannot hold the alpha, `ImageTooLarge` if it
    cannot hold the size.
    """
    target = image_format or like.header.format
    _check_writable(target, pixels, like)
    image = join_planes(Planes(pixels=pixels, alpha=like.alpha, gray=like.gray))
    output = io.BytesIO()
    if target is ImageFormat.TIFF:
        write_tiff(image, output, like.metadata)
    else:
        options = {**_WRITE_OPTIONS[target], **_metadata_options(target, like.metadata)}
        image.save(output, format=target.name, **options)
    return output.getvalue()


def _as_stream(source: bytes | BinaryIO) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _sniff(stream: BinaryIO) -> ImageFormat:
    stream.seek(0)
    start = stream.read(SIGNATURE_BYTES)
    stream.seek(0)
    if not start:
        raise EmptyImage("The file is empty.", limit=1, actual=0)
    image_format = sniff_format(start)
    if image_format is None:
        known = ", ".join(item.name for item in ImageFormat)
        raise UnsupportedImageFormat(
            f"The content is none of the accepted image formats: {known}.", limit=known
        )
    return image_format


def _check_writable(target: ImageFormat, pixels: Uint8Pixels, like: DecodedImage) -> None:
    if like.alpha is not None and target in _WITHOUT_ALPHA:
        raise UnsupportedPixelMode(f"{target.name} cannot hold transparency.", actual="alpha")
    side, limit = max(pixels.shape[:2]), _MAX_SIDE_WRITTEN.get(target)
    if limit is not None and side > limit:
        raise ImageTooLarge(
            f"{target.name} holds sides of at most {limit} pixels; the result has {side}.",
            limit=limit,
            actual=side,
        )


def _metadata_options(target: ImageFormat, metadata: ImageMetadata) -> dict[str, Any]:
    options: dict[str, Any] = {
        "icc_profile": metadata.icc_profile,
        "exif": metadata.exif,
        "xmp": metadata.xmp,
        "dpi": metadata.dpi,
    }
    if metadata.xmp and target is ImageFormat.JPEG and len(metadata.xmp) > _JPEG_XMP_BYTES:
        options["xmp"] = None
    if metadata.xmp and target is ImageFormat.PNG:
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
        options["pnginfo"] = text
    return {key: value for key, value in options.items() if value is not None}
