"""EXIF blocks that are edited in place: every byte that need not change stays where it was.

Maker notes of many cameras hold offsets from the start of the block, and are lost if a block is
written again in another order. So a field is removed by closing its gap in the directory, and a
field is added by a new directory behind the block. Piexif and Pillow both write blocks again;
exiv2's binding is under the GPL.
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
    TiffFields,
    TiffReader,
)

PREFIX = b"Exif\0\0"
OWN = 0
"""Stands for the first directory of a block, which no tag names."""
MAKER_NOTE = 37500
_WIDTH, _HEIGHT, _COLOR_SPACE, _INTEROP_INDEX = 40962, 40963, 40961, 1
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _INCH, _CENTIMETER = 282, 283, 296, 2, 3
_MAX_DENOMINATOR = 1_000_000
_NESTED = (EXIF_IFD, GPS_IFD, INTEROP_IFD)
# Where GeoTIFF says which place on earth a pixel shows.
_GEOTIFF = frozenset({33550, 33922, 34264, 34735, 34736, 34737})
# Maker notes whose offsets count from their own start, so that they can be moved.
_MOVABLE_MAKER_NOTES = (
    b"Nikon\0\x02", b"FUJIFILM", b"OLYMPUS\0", b"OM SYSTEM", b"Apple iOS\0", b"PENTAX \0",
)  # fmt: skip
_THUMBNAIL = ((513, 514), (273, 279))
_OFFSET_KINDS = {13, 16, 17, 18}  # directories, and integers that only BigTIFF has


@dataclass(frozen=True, slots=True, kw_only=True)
class NewField:
    """A field to be written."""

    tag: int
    kind: int
    count: int
    data: bytes = b""
    """The value, in the byte order of the block."""
    place: int | None = None
    """Offset of the value, where the block holds it already."""


def fields_of(block: bytes) -> frozenset[int]:
    """Return the tags of the first directory; raises as `damaged_fields` does."""
    reader = TiffReader(io.BytesIO(block.removeprefix(PREFIX)))
    return frozenset(reader.directory(reader.first).fields)


def damaged_fields(block: bytes) -> frozenset[int]:
    """Return the tags of the first directory whose values lie beyond the block.

    Raises `EOFError` and `struct.error` for a directory that does.
    """
    reader = TiffReader(io.BytesIO(block.removeprefix(PREFIX)))
    end = len(block.removeprefix(PREFIX))
    fields = reader.directory(reader.first).fields.values()
    return frozenset(field.tag for field in fields if field.place + field.size > end)


def cleaned(
    block: bytes, *, remove: Collection[int], keep_gps: bool, swap_sides: bool
) -> bytes | None:
    """Return a block without thumbnail, stored size and the fields `remove`; None if empty.

    With `swap_sides` the horizontal and the vertical resolution are exchanged. Raises `EOFError`
    and `struct.error` for a damaged block.
    """
    remove = {*remove, *damaged_fields(block)}
    editor = _Editor(block.removeprefix(PREFIX))
    editor.cut_thumbnail()
    if not keep_gps:
        editor.remove_gps()
        remove = {*remove, *_GEOTIFF}
    for place in editor.nested(EXIF_IFD):
        editor.remove(place, (_WIDTH, _HEIGHT))
    editor.remove(editor.first, remove)
    if swap_sides:
        editor.swap_values(editor.first, _X_RESOLUTION, _Y_RESOLUTION)
    return bytes(editor.data) if editor.reader().directory(editor.first).fields else None


def with_fields(block: bytes | None, fields: Iterable[NewField], *, order: str = "<") -> bytes:
    """Return a block with more fields in its first directory, which is then its last part.

    `order` is the byte order of a new block; one that exists keeps its own.
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
    """Make a block of what a TIFF page says: its own fields, EXIF and GPS, value by value.

    Fields of the page are all but those in `leave`, or only those in `keep`. Also says whether a
    maker note had to be left out, because it cannot be moved.
    """
    reader = TiffReader(source)
    directory = next(item for index, item in enumerate(reader.chain()) if index == page)
    own = {
        tag: field
        for tag, field in directory.fields.items()
        if tag not in leave and (keep is None or tag in keep)
    }
    exif, gps = (_below(reader, directory, tag) for tag in (EXIF_IFD, GPS_IFD))
    interop = None if exif is None else _below(reader, exif, INTEROP_IFD)
    parts = {OWN: movable(reader, own)}
    for tag, found in ((EXIF_IFD, exif), (GPS_IFD, gps), (INTEROP_IFD, interop)):
        if found is not None:
            parts[tag] = movable(reader, found.fields)
    lost_note = exif is not None and MAKER_NOTE in exif.fields
    lost_note = lost_note and all(field.tag != MAKER_NOTE for field in parts[EXIF_IFD])
    return joined(reader.order, parts), lost_note


def movable(reader: TiffReader, fields: Mapping[int, TiffField]) -> list[NewField]:
    """Copy the fields of a directory, but for values that hold offsets, or lie beyond the file."""
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
    """Make a block of the fields of its directories: `OWN`, and nested ones by their tag."""
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
    """Return EXIF, with its prefix, that says the resolution; one that says it already stays."""
    block = None if exif is None else exif.removeprefix(PREFIX)
    order = "<"
    if block is not None:
        reader = TiffReader(io.BytesIO(block))
        if _X_RESOLUTION in reader.directory(reader.first).fields:
            return PREFIX + block
        order = reader.order
    return PREFIX + with_fields(block, resolution_fields(order, dpi, _INCH), order=order)


def resolution_fields(order: str, sides: tuple[float, float], unit: int) -> list[NewField]:
    """Make the fields of a resolution: 1 is a ratio of the sides of a pixel, 2 counts per inch."""
    values = [Fraction(side).limit_denominator(_MAX_DENOMINATOR) for side in sides]
    return [
        *(
            integers(order, tag, RATIONAL, (value.numerator, value.denominator))
            for tag, value in zip((_X_RESOLUTION, _Y_RESOLUTION), values, strict=True)
        ),
        integers(order, _RESOLUTION_UNIT, SHORT, (unit,)),
    ]


def resolution_of(block: bytes) -> tuple[float, float] | None:
    """Read the resolution in pixels per inch; None if the block has none, or only a ratio."""
    reader = TiffReader(io.BytesIO(block))
    fields = reader.directory(reader.first).fields
    inches = {_INCH: 1.0, _CENTIMETER: 2.54}.get(reader.number(fields, _RESOLUTION_UNIT, _INCH))
    sides = [fields.get(tag) for tag in (_X_RESOLUTION, _Y_RESOLUTION)]
    values = [
        struct.unpack(f"{reader.order}II", reader.data(field))
        for field in sides
        if field is not None and (field.kind, field.count) == (RATIONAL, 1)
    ]
    if inches is None or len(values) < 2 or 0 in (values[0][1], values[1][1]):
        return None
    x, y = (inches * above / below for above, below in values)
    return x, y


def as_srgb(exif: bytes) -> bytes:
    """Return EXIF, with its prefix, that says sRGB where it said another color space."""
    data = bytearray(exif.removeprefix(PREFIX))
    reader = TiffReader(io.BytesIO(data))
    photo = _below(reader, reader.directory(reader.first), EXIF_IFD)
    interop = _below(reader, photo, INTEROP_IFD)
    if photo is not None and _COLOR_SPACE in photo.fields:
        struct.pack_into(f"{reader.order}H", data, photo.fields[_COLOR_SPACE].place, 1)
    if interop is not None and _INTEROP_INDEX in interop.fields:
        index = interop.fields[_INTEROP_INDEX]
        if index.size == 4:
            data[index.place : index.place + 4] = b"R98\0"
    return PREFIX + bytes(data)


def integers(order: str, tag: int, kind: int, values: Sequence[int]) -> NewField:
    """Make a field of integers: SHORT, LONG or, as numerator and denominator, RATIONAL."""
    data = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
    return NewField(tag=tag, kind=kind, count=len(values) // (2 if kind == 5 else 1), data=data)


class _Editor:
    """A block whose directories are changed without moving any value."""

    def __init__(self, block: bytes) -> None:
        self.data = bytearray(block)
        self._order = self.reader().order

    @property
    def first(self) -> int:
        """Offset of the first directory."""
        return self.reader().first

    def reader(self) -> TiffReader:
        """Read the block as it is now."""
        return TiffReader(io.BytesIO(self.data))

    def nested(self, tag: int) -> tuple[int, ...]:
        """Offset of a directory that the first one names, if it does."""
        reader = self.reader()
        return reader.numbers(reader.directory(reader.first).fields.get(tag))[:1]

    def remove(self, place: int, tags: Collection[int]) -> None:
        """Remove fields from the directory at an offset; their values become unused bytes."""
        (count,) = struct.unpack_from(f"{self._order}H", self.data, place)
        start, end = place + 2, place + 2 + 12 * count
        table = [bytes(self.data[at : at + 12]) for at in range(start, end, 12)]
        kept = [row for row in table if struct.unpack_from(f"{self._order}H", row)[0] not in tags]
        if len(kept) == len(table):
            return
        rest = bytes(self.data[end : end + 4])
        struct.pack_into(f"{self._order}H", self.data, place, len(kept))
        self.data[start : end + 4] = (b"".join(kept) + rest).ljust(end + 4 - start, b"\0")

    def remove_gps(self) -> None:
        """Remove the directory with the place, and overwrite its values."""
        reader = self.reader()
        for place in self.nested(GPS_IFD):
            directory = reader.directory(place)
            for field in directory.fields.values():
                self._overwrite(field.place, field.size)
            self._overwrite(place, 2 + 12 * len(directory.fields))
        self.remove(self.first, (GPS_IFD,))

    def cut_thumbnail(self) -> None:
        """Remove the second directory and the preview that it describes."""
        reader = self.reader()
        first = reader.directory(reader.first)
        following = first.next_place
        if not following:
            return
        (count,) = struct.unpack_from(f"{self._order}H", self.data, first.place)
        struct.pack_into(f"{self._order}I", self.data, first.place + 2 + 12 * count, 0)
        try:
            fields = reader.directory(following).fields
        except EOFError:
            return
        for start_tag, size_tag in _THUMBNAIL:
            start, size = reader.number(fields, start_tag), reader.number(fields, size_tag)
            if start and size and start + size >= len(self.data):
                del self.data[start:]
            elif start and size:
                self._overwrite(start, size)

    def swap_values(self, place: int, one: int, other: int) -> None:
        """Exchange the values of two fields of the same type and count."""
        fields = self.reader().directory(place).fields
        first, second = fields.get(one), fields.get(other)
        if first is None or second is None or first.size != second.size:
            return
        a, b = (slice(field.place, field.place + field.size) for field in (first, second))
        self.data[a], self.data[b] = self.data[b], self.data[a]

    def _overwrite(self, place: int, size: int) -> None:
        end = min(place + size, len(self.data))
        self.data[place:end] = bytes(max(end - place, 0))


def _header(order: str) -> bytes:
    return (b"II*\0" if order == "<" else b"MM\0*") + bytes(4)


def _below(reader: TiffReader, directory: TiffFields | None, tag: int) -> TiffFields | None:
    if directory is None:
        return None
    place = reader.number(directory.fields, tag)
    return reader.directory(place) if place else None


def _present(reader: TiffReader, field: TiffField) -> NewField:
    made = NewField(tag=field.tag, kind=field.kind, count=field.count, data=reader.data(field))
    return made if field.size <= 4 else replace(made, place=field.place)


def _pointer(data: bytearray, tag: int, fields: list[NewField], order: str) -> NewField:
    place = _append(data, fields, order)
    return integers(order, tag, LONG, (place,))


def _append(data: bytearray, fields: list[NewField], order: str) -> int:
    """Append values and their directory, which the header then names as the first one."""
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
