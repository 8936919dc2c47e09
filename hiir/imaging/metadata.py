"""Metadata of an image file, and the part of it that a format supports."""

from dataclasses import dataclass, replace
from typing import Any

from hiir.imaging.exif_block import with_resolution
from hiir.imaging.formats import ImageFormat
from hiir.imaging.xmp import without_extension

# Metadata is untrusted: its size is limited, and it is passed on without being interpreted.
MAX_EXIF_BYTES = 65_533  # one JPEG segment
MAX_ICC_BYTES = 4 * 1024 * 1024
MAX_PHOTOSHOP_BYTES = 512 * 1024
MAX_XMP_BYTES = 1024 * 1024
_MAX_JPEG_XMP_BYTES = 65_504
METADATA_NAMES = {
    "comments": "The comment",
    "dpi": "The resolution",
    "exif": "EXIF",
    "exif_field": "A field of EXIF",
    "extended_xmp": "The extension of XMP",
    "icc_profile": "The color profile",
    "maker_note": "The maker note",
    "photoshop": "IPTC and Photoshop's resources",
    "photoshop_rest": "What Photoshop's resources hold beside IPTC",
    "pixel_aspect": "The ratio of a pixel's sides",
    "png_text": "The text",
    "xmp": "XMP",
}
_COMMON = frozenset({"dpi", "exif", "icc_profile", "xmp"})
# AVIF, HEIC and WebP have no native resolution, but EXIF can state one.
_CAN_HOLD = {
    ImageFormat.AVIF: _COMMON,
    ImageFormat.BMP: frozenset({"dpi"}),
    ImageFormat.HEIC: _COMMON,
    ImageFormat.JPEG: _COMMON | {"comments", "extended_xmp", "photoshop", "pixel_aspect"},
    ImageFormat.PNG: _COMMON | {"pixel_aspect", "png_text"},
    ImageFormat.TIFF: _COMMON | {"photoshop", "pixel_aspect"},
    ImageFormat.WEBP: _COMMON,
}
_RESOLUTION_BY_EXIF = (ImageFormat.AVIF, ImageFormat.HEIC, ImageFormat.WEBP)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMetadata:
    """The metadata to write into the restored file."""

    icc_profile: bytes | None = None
    exif: bytes | None = None
    """EXIF with its prefix, without orientation (which is applied), thumbnail and stored size."""
    xmp: bytes | None = None
    extended_xmp: bytes | None = None
    """Part of the XMP that does not fit one segment of a JPEG; `xmp` refers to it by its MD5."""
    dpi: tuple[float, float] | None = None
    pixel_aspect: tuple[int, int] | None = None
    """Horizontal and vertical pixels per equal length, if pixels are not square; otherwise None."""
    photoshop: bytes | None = None
    """Photoshop's resources, including IPTC."""
    comments: tuple[bytes, ...] = ()
    """Comment segments of a JPEG."""
    png_text: bytes | None = None
    """Text and time chunks of a PNG, unchanged."""
    dropped: tuple[str, ...] = ()
    """Metadata that the file had and that is not kept, by the names of `METADATA_NAMES`."""

    def fitting(self, target: ImageFormat) -> "ImageMetadata":
        """Return the part that a format supports; the rest is listed as dropped."""
        held = _CAN_HOLD[target]
        missing = [name for name in METADATA_NAMES if self._has(name) and name not in held]
        if target is ImageFormat.JPEG and len(self.xmp or b"") > _MAX_JPEG_XMP_BYTES:
            missing.append("xmp")
        kept: dict[str, Any] = {name: () if name == "comments" else None for name in missing}
        if "extended_xmp" in missing and self.xmp is not None:
            kept.setdefault("xmp", without_extension(self.xmp))
        if self.dpi is not None and target in _RESOLUTION_BY_EXIF:
            kept["exif"] = with_resolution(self.exif, self.dpi)
        return replace(self, **kept, dropped=(*self.dropped, *missing))

    def _has(self, name: str) -> bool:
        return bool(getattr(self, name, None))
