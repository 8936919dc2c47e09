"""EXIF of camera raw files: maker, model, date, lens and position.

Each format stores them in a different place.
"""

import io
import re
import struct
from typing import BinaryIO

from PIL.JpegImagePlugin import JpegImageFile

from hiir.imaging.exif_block import MAKER_NOTE, OWN, PREFIX, collected, joined, movable
from hiir.imaging.exif_edit import cleaned
from hiir.imaging.metadata import MAX_EXIF_BYTES, ImageMetadata
from hiir.imaging.metadata_reading import clean_xmp
from hiir.imaging.options import MetadataPolicy
from hiir.imaging.pillow_errors import PILLOW_ERRORS
from hiir.imaging.tiff_fields import EXIF_IFD, GPS_IFD, TiffReader
from hiir.imaging.xmp import XmpDamaged

# Many fields describe the sensor's samples; a developed photo also has these: description, maker,
# model, software, date, artist, copyright.
_KEPT = frozenset({270, 271, 272, 305, 306, 315, 33432})
_UPRIGHT = frozenset({274})
_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
_NOT_TIFF = (None, "RAF", "CR3", "CRW", "MRW", "X3F")
_JPEG_PLACE = 84  # in a RAF file: offset of a JPEG preview, which contains the EXIF block
_CR3_PARTS = {b"CMT1": OWN, b"CMT2": EXIF_IFD, b"CMT4": GPS_IFD}
_CR3_HEAD = 256 * 1024


def read_raw_metadata(
    source: BinaryIO, kind: str | None, policy: MetadataPolicy, profile: bytes
) -> ImageMetadata:
    """Read the metadata of a camera raw file; `profile` is that of the result.

    EXIF that cannot be read is named in `dropped`.
    """
    if policy is MetadataPolicy.STRIP:
        return ImageMetadata(icc_profile=profile)
    keep_gps = policy is MetadataPolicy.KEEP
    xmp, dropped = _read_packet(source, kind, keep_gps=keep_gps)
    try:
        block, lost_note = _read(source, kind)
        if block is None:
            dropped.append("exif")
        else:
            block = cleaned(block, remove=_UPRIGHT, keep_gps=keep_gps, swap_sides=False)
        if lost_note:
            dropped.append("maker_note")
        if block is not None and len(block) > MAX_EXIF_BYTES:
            raise ValueError("too long")
    except (*PILLOW_ERRORS, StopIteration):
        block = None
        dropped.append("exif")
    exif = None if block is None else PREFIX + block
    return ImageMetadata(icc_profile=profile, exif=exif, xmp=xmp, dropped=tuple(dropped))


def _read(source: BinaryIO, kind: str | None) -> tuple[bytes | None, bool]:
    if kind == "RAF":
        return _read_raf(source), False
    if kind == "CR3":
        return _read_cr3(source)
    return collected(source, page=0, keep=_KEPT, leave=())


def _read_packet(
    source: BinaryIO, kind: str | None, *, keep_gps: bool
) -> tuple[bytes | None, list[str]]:
    """Return the XMP of the first page, and the names of metadata that is not kept."""
    if kind in _NOT_TIFF:
        return None, []
    try:
        reader = TiffReader(source)
        fields = reader.directory(reader.first).fields
        dropped = ["photoshop"] if fields.keys() & {_IPTC, _PHOTOSHOP} else []
        if _XMP not in fields:
            return None, dropped
        return clean_xmp(reader.data(fields[_XMP]), keep_gps=keep_gps), dropped
    except (EOFError, struct.error, XmpDamaged):
        return None, ["xmp"]


def _read_raf(source: BinaryIO) -> bytes | None:
    source.seek(_JPEG_PLACE)
    place, size = (int.from_bytes(source.read(4), "big") for _ in range(2))
    source.seek(place)
    with JpegImageFile(io.BytesIO(source.read(size))) as preview:
        exif = preview.info.get("exif")
    return exif.removeprefix(PREFIX) if isinstance(exif, bytes) else None


def _read_cr3(source: BinaryIO) -> tuple[bytes | None, bool]:
    """Join the blocks of a CR3 file, each of which has one directory with its own offsets."""
    source.seek(0)
    head = source.read(_CR3_HEAD)
    parts, orders, lost_note = {}, set(), False
    for match in re.finditer(rb"CMT[124]", head):
        size = int.from_bytes(head[match.start() - 4 : match.start()], "big")
        reader = TiffReader(io.BytesIO(head[match.end() : match.start() - 4 + size]))
        fields = reader.directory(reader.first).fields
        parts[_CR3_PARTS[match[0]]] = movable(reader, fields)
        orders.add(reader.order)
        lost_note = lost_note or MAKER_NOTE in fields
    if len(orders) != 1:
        return None, False
    return joined(orders.pop(), parts), lost_note
