"""In-place editing of EXIF blocks: unaffected bytes keep their position.

Maker notes of many cameras contain offsets from the start of the block, and become unreadable if
the block is rewritten in another order. A field is therefore removed by closing its gap in the
directory, and added through a new directory at the end of the block. Piexif and Pillow both rewrite
blocks; exiv2's binding is under the GPL.
"""

import io
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO

from hiir.imaging.tiff_fields import (
    EXIF_IFD,
    GPS_IFD,
    INTEROP_IFD,
    LONG,
    RATIONAL,
    SHORT,
    TiffField,
    TiffReader,
)

PREFIX = b"Exif\0\0"
OWN = 0
"""Key of the first directory of a block, which no tag refers to."""
MAKER_NOTE = 37500
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _INCH = 282, 283, 296, 2
_MAX_DENOMINATOR = 1_000_000
_NESTED = (EXIF_IFD, GPS_IFD, INTEROP_IFD)
# Maker notes whose offsets count from their own start, so that they can be moved.
_MOVABLE_MAKER_NOTES = (
    b"Nikon\0\x02", b"FUJIFILM", b"OLYMPUS\0", b"OM SYSTEM", b"Apple iOS\0", b"PENTAX \0",
)  # fmt: skip
_OFFSET_KINDS = {13, 16, 17, 18}  # directories, and integers that exist only in BigTIFF


@dataclass(frozen=True, slots=True, kw_only=True)
class NewField:
    """A field to write."""

    tag: int
    kind: int
    count: int
    data: bytes = b""
    """The value, in the byte order of the block."""
    place: int | None = None
    """Offset of the value, if the block already contains it."""


def with_fields(block: bytes | None, fields: Iterable[NewField], *, order: str = "<") -> bytes:
    """Return a block with additional fields in its first directory, which is moved to its end.

    `order` is the byte order of a new block; an existing block keeps its byte order.
    """
    if block is None:
        data = bytearray(_header(order))
        present: dict[int, NewField] = {}
    else:
        data = bytearray(block)
        reader = TiffReader(io.BytesIO(block))
        order = reader.order
        present = {
            tag: _present(reader, field)
            for tag, field in reader.directory(reader.first).fields.items()
        }
    present.update({field.tag: field for field in fields})
    _append(data, list(present.values()), order)
    return bytes(data)


def collected(
    source: BinaryIO, *, page: int, keep: Collection[int] | None, leave: Collection[int]
) -> tuple[bytes | None, bool]:
    """Build a block from the metadata of a TIFF page: its own fields, EXIF and GPS, value by value.

    Args:
        source: the TIFF file.
        page: index of the page, from 0.
        keep: tags of the page's fields to copy; None for all.
        leave: tags of the page's fields to leave out.

    Returns:
        The block, and whether a maker note was left out because it cannot be moved.
    """
    reader = TiffReader(source)
    directory = next(item for index, item in enumerate(reader.chain()) if index == page)
    own = {
        tag: field
        for tag, field in directory.fields.items()
        if tag not in leave and (keep is None or tag in keep)
    }
    exif, gps = (reader.below(directory, tag) for tag in (EXIF_IFD, GPS_IFD))
    interop = None if exif is None else reader.below(exif, INTEROP_IFD)
    parts = {OWN: movable(reader, own)}
    for tag, found in ((EXIF_IFD, exif), (GPS_IFD, gps), (INTEROP_IFD, interop)):
        if found is not None:
            parts[tag] = movable(reader, found.fields)
    lost_note = exif is not None and MAKER_NOTE in exif.fields
    lost_note = lost_note and all(field.tag != MAKER_NOTE for field in parts[EXIF_IFD])
    return joined(reader.order, parts), lost_note


def movable(reader: TiffReader, fields: Mapping[int, TiffField]) -> list[NewField]:
    """Copy the fields of a directory, except values with offsets or beyond the end of the file."""
    copies = []
    for tag, field in fields.items():
        if tag not in _NESTED and field.kind not in _OFFSET_KINDS:
            with suppress(EOFError):
                data = reader.data(field)
                copies.append(NewField(tag=tag, kind=field.kind, count=field.count, data=data))
    return [
        copy
        for copy in copies
        if copy.tag != MAKER_NOTE or copy.data.startswith(_MOVABLE_MAKER_NOTES)
    ]


def joined(order: str, parts: Mapping[int, list[NewField]]) -> bytes | None:
    """Build a block from the fields of its directories: `OWN`, and nested ones by their tag."""
    data = bytearray(_header(order))
    own, exif = list(parts.get(OWN, ())), list(parts.get(EXIF_IFD, ()))
    if parts.get(INTEROP_IFD):
        exif.append(_pointer(data, INTEROP_IFD, parts[INTEROP_IFD], order))
    if exif:
        own.append(_pointer(data, EXIF_IFD, exif, order))
    if parts.get(GPS_IFD):
        own.append(_pointer(data, GPS_IFD, parts[GPS_IFD], order))
    if not own:
        return None
    _append(data, own, order)
    return bytes(data)


def with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Return EXIF, with its prefix, that states the resolution; an existing resolution is kept."""
    block = None if exif is None else exif.removeprefix(PREFIX)
    order = "<"
    if block is not None:
        reader = TiffReader(io.BytesIO(block))
        if _X_RESOLUTION in reader.directory(reader.first).fields:
            return PREFIX + block
        order = reader.order
    return PREFIX + with_fields(block, resolution_fields(order, dpi, _INCH), order=order)


def resolution_fields(order: str, sides: tuple[float, float], unit: int) -> list[NewField]:
    """Build the fields of a resolution: unit 1 is the ratio of a pixel's sides, 2 is per inch."""
    values = [Fraction(side).limit_denominator(_MAX_DENOMINATOR) for side in sides]
    return [
        *(
            integers(order, tag, RATIONAL, (value.numerator, value.denominator))
            for tag, value in zip((_X_RESOLUTION, _Y_RESOLUTION), values, strict=True)
        ),
        integers(order, _RESOLUTION_UNIT, SHORT, (unit,)),
    ]


def integers(order: str, tag: int, kind: int, values: Sequence[int]) -> NewField:
    """Build a field of integers: SHORT, LONG or, as numerator and denominator, RATIONAL."""
    data = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
    return NewField(tag=tag, kind=kind, count=len(values) // (2 if kind == 5 else 1), data=data)


def _header(order: str) -> bytes:
    return (b"II*\0" if order == "<" else b"MM\0*") + bytes(4)


def _present(reader: TiffReader, field: TiffField) -> NewField:
    made = NewField(tag=field.tag, kind=field.kind, count=field.count, data=reader.data(field))
    return made if field.size <= 4 else replace(made, place=field.place)


def _pointer(data: bytearray, tag: int, fields: list[NewField], order: str) -> NewField:
    place = _append(data, fields, order)
    return integers(order, tag, LONG, (place,))


def _append(data: bytearray, fields: list[NewField], order: str) -> int:
    """Append values and their directory, and make it the first directory in the header."""
    table = b""
    for field in sorted(fields, key=lambda item: item.tag):
        value = field.data.ljust(4, b"\0")
        if len(field.data) > 4:
            place = field.place
            if place is None:
                data += bytes(len(data) % 2)
                place = len(data)
                data += field.data
            value = struct.pack(f"{order}I", place)
        table += struct.pack(f"{order}HHI", field.tag, field.kind, field.count) + value
    data += bytes(len(data) % 2)
    place = len(data)
    data += struct.pack(f"{order}H", len(fields)) + table + bytes(4)
    struct.pack_into(f"{order}I", data, 4, place)
    return place
