"""Fields of TIFF directories as raw bytes, so that metadata can be copied instead of rebuilt.

Pillow decodes values and writes them again with types that it chooses, which moves maker notes.
EXIF blocks and many camera raw formats are TIFF files too.
"""

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

EXIF_IFD, GPS_IFD, INTEROP_IFD, SUB_IFDS = 34665, 34853, 40965, 330
SHORT, LONG, RATIONAL = 3, 4, 5
# TIFF 6.0 and BigTIFF: size of one value in bytes, by type of field.
SIZES: Mapping[int, int] = dict(
    zip((*range(1, 14), 16, 17, 18), (1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 8, 8, 8), strict=True)
)
_INTEGERS: Mapping[int, str] = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MAX_NUMBERS = 64
_MAX_DIRECTORIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffField:
    """One field of a directory."""

    tag: int
    kind: int
    """Type of the field, as numbered in TIFF 6.0."""
    count: int
    place: int
    """Offset of the value in the file."""

    @property
    def size(self) -> int:
        """Size of the value in bytes."""
        return self.count * SIZES[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffFields:
    """The fields of one directory by tag; fields of unknown types are left out."""

    place: int
    """Offset of the directory."""
    fields: Mapping[int, TiffField]
    next_place: int
    """Offset of the next directory in the chain; 0 after the last one."""


class TiffReader:
    """Reads directories of a TIFF, BigTIFF or EXIF block; raises `EOFError` beyond its end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._length = stream.seek(0, io.SEEK_END)
        start = self._read(0, 8)
        self.order = "<" if start[:2] == b"II" else ">"
        self.is_big = struct.unpack_from(f"{self.order}H", start, 2)[0] == 43
        self._width = 8 if self.is_big else 4
        self.first = self._integer(8 if self.is_big else 4, self._width)

    def chain(self) -> Iterator[TiffFields]:
        """Yield the directories of the pages; only the first ones if there are many."""
        place, seen = self.first, set[int]()
        while place and place not in seen and len(seen) < _MAX_DIRECTORIES:
            seen.add(place)
            directory = self.directory(place)
            yield directory
            place = directory.next_place

    def directory(self, place: int) -> TiffFields:
        """Read the directory at an offset."""
        head, each = (8, 20) if self.is_big else (2, 12)
        count = self._integer(place, head)
        table = self._read(place + head, count * each)
        fields = {}
        for index in range(count):
            at = index * each
            tag, kind = struct.unpack_from(f"{self.order}HH", table, at)
            wide = "Q" if self.is_big else "I"
            number, value = struct.unpack_from(f"{self.order}{wide}{wide}", table, at + 4)
            if kind not in SIZES:
                continue
            inline = place + head + at + 4 + self._width
            outside = number * SIZES[kind] > self._width
            where = value if outside else inline
            fields[tag] = TiffField(tag=tag, kind=kind, count=number, place=where)
        following = place + head + count * each
        next_place = 0
        if following + self._width <= self._length:
            next_place = self._integer(following, self._width)
        return TiffFields(place=place, fields=fields, next_place=next_place)

    def below(self, directory: TiffFields | None, tag: int) -> TiffFields | None:
        """Read the directory that a field of another one refers to; None if there is none."""
        place = 0 if directory is None else self.number(directory.fields, tag)
        return self.directory(place) if place else None

    def data(self, field: TiffField) -> bytes:
        """Read the bytes of a value."""
        return self._read(field.place, field.size)

    def numbers(self, field: TiffField | None) -> tuple[int, ...]:
        """Read the first integers of a value; empty if there is no field or no integer."""
        if field is None or field.kind not in _INTEGERS:
            return ()
        count = min(field.count, _MAX_NUMBERS)
        data = self._read(field.place, count * SIZES[field.kind])
        return struct.unpack(f"{self.order}{count}{_INTEGERS[field.kind]}", data)

    def number(self, fields: Mapping[int, TiffField], tag: int, default: int = 0) -> int:
        """Read the first integer of a field; returns `default` if there is no such field."""
        return next(iter(self.numbers(fields.get(tag))), default)

    def _integer(self, place: int, width: int) -> int:
        return int.from_bytes(self._read(place, width), "little" if self.order == "<" else "big")

    def _read(self, place: int, size: int) -> bytes:
        if place < 0 or place + size > self._length:
            raise EOFError
        self._stream.seek(place)
        return self._stream.read(size)
