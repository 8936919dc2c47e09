"""The supported file formats, which are detected by content, never by filename."""

import importlib.util
from enum import StrEnum
from functools import cache


class ImageFormat(StrEnum):
    """A file format that can be read; those in `writable_formats` can also be written."""

    AVIF = "avif"
    BMP = "bmp"
    HEIC = "heic"
    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """Media type for `Content-Type`."""
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        """Usual filename extension, with its dot."""
        return ".jpg" if self is ImageFormat.JPEG else f".{self.value}"


SIGNATURE_BYTES = 64
"""Number of bytes at the start of a file that `sniff_format` needs."""

_PREFIXES = {
    (b"\xff\xd8\xff",): ImageFormat.JPEG,
    (b"\x89PNG\r\n\x1a\n",): ImageFormat.PNG,
    (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"): ImageFormat.TIFF,
    (b"BM",): ImageFormat.BMP,
}
_AVIF_BRANDS = {b"avif", b"avis"}
# HEVC in the same container, as phones write it: a single image, or several.
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis"}


def sniff_format(start: bytes) -> ImageFormat | None:
    """Return the format of a file by its first `SIGNATURE_BYTES`; None if it is not supported."""
    for prefixes, image_format in _PREFIXES.items():
        if start.startswith(prefixes):
            return image_format
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if start[4:8] == b"ftyp":
        brands = _brands(start)
        if not _AVIF_BRANDS.isdisjoint(brands):
            return ImageFormat.AVIF
        if not _HEIC_BRANDS.isdisjoint(brands):
            return ImageFormat.HEIC
    return None


@cache
def writable_formats() -> tuple[ImageFormat, ...]:
    """Return the formats that this installation writes; HEIC needs the encoder of `pillow-heif`."""
    has_heif = importlib.util.find_spec("pillow_heif") is not None
    return tuple(item for item in ImageFormat if has_heif or item is not ImageFormat.HEIC)


def _brands(start: bytes) -> set[bytes]:
    """Return the brands of a file type box: the main brand, a version, then all compatible brands.

    The main brand may be a generic one, which HEIC shares.
    """
    end = min(int.from_bytes(start[:4], "big"), len(start))
    return {start[place : place + 4] for place in (8, *range(16, end, 4))}
