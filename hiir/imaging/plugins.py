"""The parser of each format: Pillow's parsers, chosen by content from an explicit list.

`Image.open` is not used: no other parser can be reached, and an image's true size is known and
compared with `ImageLimits` before anything is decoded, without Pillow's process-wide bomb setting.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import BinaryIO

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from hiir.imaging.errors import EmptyImage, UnsupportedImageFormat
from hiir.imaging.formats import SIGNATURE_BYTES, ImageFormat, sniff_format, writable_formats
from hiir.imaging.raw_signature import camera_raw_name


def enable_heif() -> None:
    """Enable writing HEIC in Pillow, with the optional package."""
    from pillow_heif import register_heif_opener  # noqa: PLC0415

    register_heif_opener()


def _open_heif(stream: BinaryIO) -> ImageFile:
    # Imported here because it loads libheif. If the encoder's package is installed, one libheif
    # does both.
    has_encoder = ImageFormat.HEIC in writable_formats()
    package = import_module("pillow_heif") if has_encoder else import_module("pi_heif")
    image: ImageFile = package.HeifImageFile(stream)
    return image


PLUGINS: Mapping[ImageFormat, Callable[[BinaryIO], ImageFile]] = {
    ImageFormat.AVIF: AvifImageFile,
    ImageFormat.BMP: BmpImageFile,
    ImageFormat.HEIC: _open_heif,
    ImageFormat.JPEG: JpegImageFile,
    ImageFormat.PNG: PngImageFile,
    ImageFormat.TIFF: TiffImageFile,
    ImageFormat.WEBP: WebPImageFile,
}


def recognize(stream: BinaryIO) -> ImageFormat:
    """Return the format of a stream, which is left at its start.

    Raises:
        EmptyImage: if the stream is empty.
        UnsupportedImageFormat: if the format is not supported. This includes camera raw files,
            whose first page is only a preview of the photo.
    """
    stream.seek(0)
    start = stream.read(SIGNATURE_BYTES)
    stream.seek(0)
    if not start:
        raise EmptyImage("The file is empty.", limit=1, actual=0)
    raw = camera_raw_name(stream)
    if raw is not None:
        raise UnsupportedImageFormat(
            f"The file is a camera raw file ({raw}). The task demosaic takes it, without the "
            "parameter pattern; other tasks take the developed photo, as JPEG or TIFF for example.",
            limit=", ".join(item.name for item in ImageFormat),
            actual=f"camera raw ({raw})",
        )
    image_format = sniff_format(start)
    if image_format is None:
        known = ", ".join(item.name for item in ImageFormat)
        raise UnsupportedImageFormat(
            f"The content is none of the accepted image formats: {known}.", limit=known
        )
    return image_format
