"""Reading of metadata, adapted to the restored photo."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO

from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from hiir.imaging.exif_block import PREFIX, collected
from hiir.imaging.exif_edit import cleaned, damaged_fields, fields_of, resolution_of
from hiir.imaging.jpeg_segments import JpegExtras, read_extras
from hiir.imaging.metadata import (
    MAX_EXIF_BYTES,
    MAX_ICC_BYTES,
    MAX_PHOTOSHOP_BYTES,
    MAX_XMP_BYTES,
    ImageMetadata,
)
from hiir.imaging.options import MetadataPolicy
from hiir.imaging.orientation import UPRIGHT, Orientation
from hiir.imaging.photoshop_resources import iptc_of, kept_resources, wrap_iptc
from hiir.imaging.pillow_errors import PILLOW_ERRORS
from hiir.imaging.png_chunks import read_text
from hiir.imaging.tiff_fields import TiffReader
from hiir.imaging.xmp import (
    XmpDamaged,
    without_extension,
    without_gps,
    without_lost_parts,
    without_orientation,
)

_MAX_DPI = 65_535
# Tags that describe the layout of the original file (which TIFF mixes with the others), that are
# carried separately (ICC, XMP, IPTC), or that are wrong once the pixels are rotated.
_LAYOUT_TAGS = frozenset(
    {
        254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281,
        284, 290, 291, 292, 293, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332,
        338, 339, 340, 341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 532,
        700, 33723, 34377, 34675, 37724,
    }
)  # fmt: skip
_RESOLUTION_TAGS = frozenset({282, 283, 296})
_SIDES_OF_RESOLUTION = (282, 283)
_IPTC, _PHOTOSHOP = 33723, 34377
_EMBEDDED_TAGS = frozenset({700, _IPTC, _PHOTOSHOP})
_EXIF_AS_TEXT = "Raw profile type exif"


def read_orientation(image: Image.Image) -> Orientation:
    """Return the orientation of a loaded image; upright if it cannot be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except PILLOW_ERRORS:
        return Orientation()
    return Orientation(value if isinstance(value, int) else UPRIGHT)


def stored_orientation(image: Image.Image) -> Orientation | None:
    """Return how a TIFF was stored, because Pillow rotates it on loading; else None."""
    if not isinstance(image, TiffImageFile):
        return None
    value = image.tag_v2.get(ExifTags.Base.Orientation, UPRIGHT)
    return Orientation(value if isinstance(value, int) else UPRIGHT)


def read_metadata(
    image: Image.Image,
    policy: MetadataPolicy = MetadataPolicy.KEEP,
    *,
    stream: BinaryIO | None = None,
    orientation: Orientation | None = None,
) -> ImageMetadata:
    """Read the metadata of a loaded image that is kept once its pixels are upright.

    Unreadable or oversized metadata is dropped and named; it does not make the photo invalid.
    Metadata that `policy` removes is not named, since its removal was requested.

    Args:
        image: the loaded image.
        policy: which metadata to keep.
        stream: file of the image, if it was opened from one.
        orientation: orientation that is applied to its pixels; None if none is.
    """
    icc_profile, dropped = _read_profile(image)
    if policy is MetadataPolicy.STRIP:
        return ImageMetadata(icc_profile=icc_profile, dropped=tuple(dropped))
    keep_gps = policy is MetadataPolicy.KEEP
    swap_sides = orientation is not None and orientation.swaps_sides
    exif, lost = _read_exif(image, stream, keep_gps=keep_gps, swap_sides=swap_sides)
    dropped += lost
    xmp, lost = _read_xmp(image, keep_gps=keep_gps)
    dropped += lost
    dpi, pixel_aspect, lost = _read_resolution(image, swap_sides=swap_sides)
    dropped += lost
    extras = JpegExtras()
    if isinstance(image, JpegImageFile):
        extras = read_extras(image, xmp)
    elif isinstance(image, TiffImageFile) and stream is not None:
        extras = _read_tiff_extras(image, stream)
    if extras.extended_xmp is not None and not keep_gps:
        # Its name is its MD5, so it cannot be changed without changing the packet.
        extras = replace(extras, extended_xmp=None, dropped=(*extras.dropped, "extended_xmp"))
    if xmp is not None and extras.extended_xmp is None:
        xmp = without_extension(xmp)
    return ImageMetadata(
        icc_profile=icc_profile,
        exif=exif,
        xmp=xmp,
        extended_xmp=extras.extended_xmp,
        dpi=dpi,
        pixel_aspect=pixel_aspect,
        photoshop=extras.photoshop,
        comments=extras.comments,
        png_text=read_text(stream, keep_gps=keep_gps)
        if isinstance(image, PngImageFile) and stream
        else None,
        dropped=(*dropped, *extras.dropped),
    )


def _read_profile(image: Image.Image) -> tuple[bytes | None, list[str]]:
    profile = image.info.get("icc_profile")
    is_broken = isinstance(image, JpegImageFile) and any(
        data.startswith(b"ICC_PROFILE\0") for _, data in image.applist
    )  # Pillow omits a profile whose segments are inconsistent
    if profile and not _is_icc_profile(profile):
        profile, is_broken = None, True
    if profile:
        return profile, []
    return None, ["icc_profile"] if is_broken else []


def _read_exif(
    image: Image.Image, stream: BinaryIO | None, *, keep_gps: bool, swap_sides: bool
) -> tuple[bytes | None, list[str]]:
    dropped = []
    try:
        if isinstance(image, TiffImageFile) and stream is not None:
            leave = _LAYOUT_TAGS | _RESOLUTION_TAGS
            block, lost_note = collected(stream, page=image.tell(), keep=None, leave=leave)
            if lost_note:
                dropped.append("maker_note")
        else:
            block = _exif_block(image)
        if block:
            # A block may repeat, in TIFF fields, metadata that the file stores separately.
            if damaged_fields(block) - _LAYOUT_TAGS or fields_of(block) & _EMBEDDED_TAGS:
                dropped.append("exif_field")
            block = cleaned(block, remove=_LAYOUT_TAGS, keep_gps=keep_gps, swap_sides=swap_sides)
        if block and len(block) + len(PREFIX) > MAX_EXIF_BYTES:
            raise ValueError("too long")
    except (*PILLOW_ERRORS, StopIteration):
        return None, ["exif"]
    return (PREFIX + block if block else None), dropped


def _exif_block(image: Image.Image) -> bytes | None:
    exif = image.info.get("exif")
    if exif is None and isinstance(text := image.info.get(_EXIF_AS_TEXT), str):
        exif = bytes.fromhex("".join(text.split("\n")[3:]))  # in the format of ImageMagick
    if isinstance(exif, Image.Exif):
        exif = exif.tobytes()
    return exif.removeprefix(PREFIX) if isinstance(exif, bytes) else None


def _read_xmp(image: Image.Image, *, keep_gps: bool) -> tuple[bytes | None, list[str]]:
    xmp = image.info.get("xmp")
    if not xmp:
        return None, []
    try:
        return clean_xmp(xmp, keep_gps=keep_gps), []
    except XmpDamaged:
        return None, ["xmp"]


def _read_resolution(
    image: Image.Image, *, swap_sides: bool
) -> tuple[tuple[float, float] | None, tuple[int, int] | None, list[str]]:
    """Read pixels per inch, or the ratio of a pixel's sides if only that is stated."""
    dpi, aspect = image.info.get("dpi"), image.info.get("aspect")
    if isinstance(image, JpegImageFile) and image.info.get("jfif_unit", 0) == 0:
        # Pillow assumes 72 if neither JFIF nor EXIF states a resolution.
        aspect, dpi = image.info.get("jfif_density"), None
    elif isinstance(image, TiffImageFile):
        aspect = _whole_ratio(image.info.get("resolution"))
        if not all(tag in image.tag_v2 for tag in _SIDES_OF_RESOLUTION):
            dpi = None  # Pillow would assume 1
    if aspect and (not _is_resolution(aspect) or aspect[0] == aspect[1]):
        aspect = None
    if dpi is None and aspect is None:
        dpi = _resolution_by_exif(image)
    dropped = []
    if dpi and not _is_resolution(dpi):
        dpi = None
        dropped.append("dpi")
    step = -1 if swap_sides else 1
    return (
        (float(dpi[::step][0]), float(dpi[::step][1])) if dpi else None,
        (int(aspect[::step][0]), int(aspect[::step][1])) if aspect and not dpi else None,
        dropped,
    )


def _resolution_by_exif(image: Image.Image) -> tuple[float, float] | None:
    try:
        block = _exif_block(image)
        return None if block is None else resolution_of(block)
    except PILLOW_ERRORS:
        return None


def _whole_ratio(sides: object) -> tuple[int, int] | None:
    if not _is_resolution(sides):
        return None
    x, y = (Fraction(float(side)).limit_denominator(1000) for side in sides)  # type: ignore[attr-defined]
    ratio = x / y if y else Fraction(0)
    return ratio.numerator, ratio.denominator


def _read_tiff_extras(image: TiffImageFile, stream: BinaryIO) -> JpegExtras:
    try:
        reader = TiffReader(stream)
        pages = reader.chain()
        fields = next(page for place, page in enumerate(pages) if place == image.tell()).fields
        block, iptc = (
            reader.data(fields[tag]) if tag in fields else b"" for tag in (_PHOTOSHOP, _IPTC)
        )
        kept = kept_resources(block)
        if iptc and iptc_of(kept) is None:
            kept += wrap_iptc(iptc)
    except (EOFError, StopIteration, ValueError):
        return JpegExtras(dropped=("photoshop",))
    if len(kept) > MAX_PHOTOSHOP_BYTES:
        return JpegExtras(dropped=("photoshop",))
    return JpegExtras(photoshop=kept or None)


def clean_xmp(xmp: object, *, keep_gps: bool) -> bytes:
    """Return the packet adapted to the restored photo.

    Raises:
        XmpDamaged: if the packet cannot be edited safely.
    """
    if not isinstance(xmp, bytes) or len(xmp) > MAX_XMP_BYTES:
        raise XmpDamaged
    upright = without_lost_parts(without_orientation(xmp))
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
