"""Edits of an EXIF block in which unaffected bytes keep their position.

A field is removed by closing its gap in the directory, so that no value moves.
"""

import io
import struct
from collections.abc import Collection

from hiir.imaging.exif_block import PREFIX
from hiir.imaging.tiff_fields import EXIF_IFD, GPS_IFD, INTEROP_IFD, RATIONAL, TiffReader

_WIDTH, _HEIGHT, _COLOR_SPACE, _INTEROP_INDEX = 40962, 40963, 40961, 1
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _INCH, _CENTIMETER = 282, 283, 296, 2, 3
# GeoTIFF's fields, which map pixels to positions on the earth.
_GEOTIFF = frozenset({33550, 33922, 34264, 34735, 34736, 34737})
_SUBJECT_AREA, _SUBJECT_LOCATION = 37396, 41492
_THUMBNAIL = ((513, 514), (273, 279))


def fields_of(block: bytes) -> frozenset[int]:
    """Return the tags of the first directory; raises the same errors as `damaged_fields`."""
    reader = TiffReader(io.BytesIO(block.removeprefix(PREFIX)))
    return frozenset(reader.directory(reader.first).fields)


def damaged_fields(block: bytes) -> frozenset[int]:
    """Return the tags of the first directory whose values extend beyond the block.

    Raises:
        EOFError: if the directory itself extends beyond the block.
        struct.error: if the directory itself extends beyond the block.
    """
    reader = TiffReader(io.BytesIO(block.removeprefix(PREFIX)))
    end = len(block.removeprefix(PREFIX))
    fields = reader.directory(reader.first).fields.values()
    return frozenset(field.tag for field in fields if field.place + field.size > end)


def cleaned(
    block: bytes, *, remove: Collection[int], keep_gps: bool, swap_sides: bool
) -> bytes | None:
    """Return a block without thumbnail, stored size and the fields `remove`; None if it is empty.

    With `swap_sides` the horizontal and the vertical resolution are exchanged.

    Raises:
        EOFError: if the block is damaged.
        struct.error: if the block is damaged.
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


def without_positions(exif: bytes) -> bytes:
    """Return EXIF, with its prefix, without positions in the image.

    These are the subject's area and location, and GeoTIFF's mapping of pixels to the earth.

    Raises:
        EOFError: if the block is damaged.
        struct.error: if the block is damaged.
    """
    editor = _Editor(exif.removeprefix(PREFIX))
    for place in editor.nested(EXIF_IFD):
        editor.remove(place, (_SUBJECT_AREA, _SUBJECT_LOCATION))
    editor.remove(editor.first, _GEOTIFF)
    return PREFIX + bytes(editor.data)


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
    """Return EXIF, with its prefix, in which any other color space is replaced by sRGB."""
    data = bytearray(exif.removeprefix(PREFIX))
    reader = TiffReader(io.BytesIO(data))
    photo = reader.below(reader.directory(reader.first), EXIF_IFD)
    interop = reader.below(photo, INTEROP_IFD)
    if photo is not None and _COLOR_SPACE in photo.fields:
        struct.pack_into(f"{reader.order}H", data, photo.fields[_COLOR_SPACE].place, 1)
    if interop is not None and _INTEROP_INDEX in interop.fields:
        index = interop.fields[_INTEROP_INDEX]
        if index.size == 4:
            data[index.place : index.place + 4] = b"R98\0"
    return PREFIX + bytes(data)


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
        """Return a reader of the block in its current state."""
        return TiffReader(io.BytesIO(self.data))

    def nested(self, tag: int) -> tuple[int, ...]:
        """Offset of a directory that a field of the first one refers to; empty if there is none."""
        reader = self.reader()
        return reader.numbers(reader.directory(reader.first).fields.get(tag))[:1]

    def remove(self, place: int, tags: Collection[int]) -> None:
        """Remove fields from the directory at offset `place`; their values become unused bytes."""
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
        """Remove the directory with the geographic position, and overwrite its values."""
        reader = self.reader()
        for place in self.nested(GPS_IFD):
            directory = reader.directory(place)
            for field in directory.fields.values():
                self._overwrite(field.place, field.size)
            self._overwrite(place, 2 + 12 * len(directory.fields))
        self.remove(self.first, (GPS_IFD,))

    def cut_thumbnail(self) -> None:
        """Remove the second directory and the thumbnail that it describes."""
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
