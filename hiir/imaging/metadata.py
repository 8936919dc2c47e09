"""What an image file carries beside its pixels, and how much of it is kept."""

import math
from dataclasses import dataclass, replace

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from hiir.imaging.formats import ImageFormat
from hiir.imaging.options import MetadataPolicy
from hiir.imaging.orientation import UPRIGHT, Orientation
from hiir.imaging.pillow_errors import PILLOW_ERRORS
from hiir.imaging.xmp import XmpDamaged, without_gps, without_orientation

# Metadata is the sender's data: bounded, and passed on without being interpreted.
MAX_EXIF_BYTES = 65_533  # one JPEG segment
MAX_ICC_BYTES = 4 * 1024 * 1024
MAX_XMP_BYTES = 1024 * 1024
_MAX_DPI = 65_535
_MAX_JPEG_XMP_BYTES = 65_504

# Tags that describe the layout of the file they came from (a TIFF mixes them with the rest), that
# are carried on their own (ICC, XMP, resolution), or that turning the pixels has made untrue.
_LAYOUT_TAGS = frozenset(
    {
        254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283,
        284, 290, 291, 292, 293, 296, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332,
        338, 339, 340, 341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532,
        700, 33723, 34377, 34675, 37724,
    }
)  # fmt: skip
# The stored size, and a camera's word that its file keeps to the rules for memory cards.
_PHOTO_TAGS = (
    ExifTags.Base.ExifImageWidth,
    ExifTags.Base.ExifImageHeight,
    ExifTags.Base.ExifInteroperabilityOffset,
)
METADATA_NAMES = {
    "dpi": "The resolution",
    "exif": "EXIF",
    "icc_profile": "The color profile",
    "maker_note": "The maker note",
    "xmp": "XMP",
}
_CANNOT_HOLD = {
    ImageFormat.AVIF: ("dpi",),
    ImageFormat.BMP: ("exif", "icc_profile", "xmp"),
    ImageFormat.HEIC: ("dpi",),
    ImageFormat.WEBP: ("dpi",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMetadata:
    """What is written into the restored file."""

    icc_profile: bytes | None = None
    exif: bytes | None = None
    """Without orientation (it is applied), thumbnail and stored size."""
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    dropped: tuple[str, ...] = ()
    """What was there and is not kept: "exif", "icc_profile", "xmp" or "dpi"."""

    def fitting(self, target: ImageFormat) -> "ImageMetadata":
        """The part that a format can hold; the rest is among what is dropped."""
        missing = [name for name in _CANNOT_HOLD.get(target, ()) if getattr(self, name) is not None]
        if target is ImageFormat.JPEG and len(self.xmp or b"") > _MAX_JPEG_XMP_BYTES:
            missing.append("xmp")
        return replace(
            self,
            **dict.fromkeys(missing),
            dropped=(*self.dropped, *missing),
        )


def read_orientation(image: Image.Image) -> Orientation:
    """How a loaded image is to be turned; upright where that cannot be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except PILLOW_ERRORS:
        return Orientation()
    return Orientation(value if isinstance(value, int) else UPRIGHT)


def stored_orientation(image: Image.Image) -> Orientation | None:
    """How a TIFF was stored, which Pillow turns by itself when it loads one; None for others."""
    if not isinstance(image, TiffImageFile):
        return None
    value = image.tag_v2.get(ExifTags.Base.Orientation, UPRIGHT)
    return Orientation(value if isinstance(value, int) else UPRIGHT)


def read_metadata(
    image: Image.Image, policy: MetadataPolicy = MetadataPolicy.KEEP
) -> ImageMetadata:
    """The metadata of a loaded image that is to be kept once its pixels are upright.

    Unreadable or oversized metadata is dropped and named: the photo is not refused for it.
    What `policy` leaves out is not named, since it was asked for.
    """
    icc_profile = image.info.get("icc_profile")
    dropped: list[str] = []
    if icc_profile and not _is_icc_profile(icc_profile):
        icc_profile = None
        dropped.append("icc_profile")
    if policy is MetadataPolicy.STRIP:
        return ImageMetadata(icc_profile=icc_profile or None, dropped=tuple(dropped))
    exif, xmp, dpi = None, image.info.get("xmp"), image.info.get("dpi")
    try:
        exif = _read_exif(image, keep_gps=policy is MetadataPolicy.KEEP)
        if exif and len(exif) > MAX_EXIF_BYTES:
            raise ValueError("too long")
    except PILLOW_ERRORS:
        exif = None
        dropped.append("exif")
    if xmp:
        try:
            xmp = _clean_xmp(xmp, keep_gps=policy is MetadataPolicy.KEEP)
        except XmpDamaged:
            xmp = None
            dropped.append("xmp")
    if dpi and not _is_resolution(dpi):
        dpi = None
        dropped.append("dpi")
    return ImageMetadata(
        icc_profile=icc_profile or None,
        exif=exif,
        xmp=xmp or None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
        dropped=tuple(dropped),
    )


def _read_exif(image: Image.Image, *, keep_gps: bool) -> bytes | None:
    exif = image.getexif()
    for tag in _LAYOUT_TAGS & set(exif):
        del exif[tag]
    if ExifTags.IFD.Exif in exif:
        photo = exif.get_ifd(ExifTags.IFD.Exif)
        for photo_tag in _PHOTO_TAGS:
            photo.pop(photo_tag, None)
    if not keep_gps and ExifTags.IFD.GPSInfo in exif:
        del exif[ExifTags.IFD.GPSInfo]
    exif.bigtiff = False  # only a BigTIFF can hold EXIF of its own kind
    return exif.tobytes() if exif else None


def _clean_xmp(xmp: object, *, keep_gps: bool) -> bytes:
    if not isinstance(xmp, bytes) or len(xmp) > MAX_XMP_BYTES:
        raise XmpDamaged
    upright = without_orientation(xmp)
    return upright if keep_gps else without_gps(upright)


def _is_icc_profile(profile: object) -> bool:
    return (
        isinstance(profile, bytes)
        and 128 <= len(profile) <= MAX_ICC_BYTES
        and profile[36:40] == b"acsp"
    )


def _is_resolution(dpi: object) -> bool:
    if not isinstance(dpi, tuple) or len(dpi) != 2:
        return False
    try:
        return all(0 < float(value) <= _MAX_DPI and math.isfinite(value) for value in dpi)
    except (ArithmeticError, TypeError, ValueError):
        return False
