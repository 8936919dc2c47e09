"""The chunks of a PNG file, for what Pillow does not read: cICP, and chunks that are copied."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNK_BYTES = 8 * 1024 * 1024
"""Of an ancillary chunk; a larger one counts as damaged."""
_MAX_CHUNKS = 100_000
_MAX_EXPANDED_BYTES = 1024 * 1024  # what Pillow allows for one text
_PART_OF_IMAGE = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}
# Pillow, which reads these, refuses the file for fewer.
_LEAST_BYTES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}


@dataclass(frozen=True, slots=True, kw_only=True)
class PngChunk:
    """One chunk; `data` is empty for those of pixels, which are skipped."""

    kind: bytes
    place: int
    """Offset of the chunk in the file."""
    size: int
    data: bytes
    is_valid: bool
    """Whether the checksum is right and the size allowed."""


def read_chunks(stream: BinaryIO) -> Iterator[PngChunk]:
    """Read the chunks that are not pixels, up to the end of the image or of the file."""
    place = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        data, is_valid = b"", True
        if kind not in {b"IDAT", b"fdAT"}:
            data = stream.read(min(size, MAX_CHUNK_BYTES))
            checksum = struct.pack(">I", zlib.crc32(kind + data))
            is_valid = len(data) == size and stream.read(4) == checksum
        yield PngChunk(kind=kind, place=place, size=size, data=data, is_valid=is_valid)
        if kind == b"IEND":
            return
        place += 12 + size


def without_damaged_chunks(stream: BinaryIO) -> tuple[BinaryIO, tuple[str, ...]]:
    """Return a PNG whose ancillary chunks can all be read, and the names of those left out.

    Pillow refuses a whole file for a wrong checksum in its comment. The stream is the same one if
    nothing is damaged; transparency (tRNS) and animations are part of the image, and stay.
    """
    damaged = [chunk for chunk in read_chunks(stream) if _is_damaged(chunk)]
    if not damaged:
        return stream, ()
    stream.seek(0)
    mended = io.BytesIO()
    mended.write(stream.read(len(SIGNATURE)))
    places = {chunk.place for chunk in damaged}
    end = len(SIGNATURE)
    for chunk in read_chunks(stream):
        end = chunk.place + 12 + chunk.size
        if chunk.place not in places:
            stream.seek(chunk.place)
            mended.write(stream.read(12 + chunk.size))
    stream.seek(end)
    mended.write(stream.read())
    mended.seek(0)
    names = dict.fromkeys(chunk.kind.decode("ascii", "replace") for chunk in damaged)
    return mended, tuple(names)


def _is_damaged(chunk: PngChunk) -> bool:
    is_ancillary = bool(chunk.kind[0] & 0x20)
    if not is_ancillary or chunk.kind in _PART_OF_IMAGE:
        return False
    if not chunk.is_valid or len(chunk.data) < _LEAST_BYTES.get(chunk.kind, 0):
        return True
    if chunk.kind in {b"iCCP", b"zTXt"}:
        _, separator, rest = chunk.data.partition(b"\0")
        return not separator or rest[:1] != b"\0" or not _expands(rest[1:])
    if chunk.kind == b"iTXt":
        _, separator, rest = chunk.data.partition(b"\0")
        parts = rest[2:].split(b"\0", 2)
        if not separator or len(parts) != 3:
            return True
        return rest[0] == 1 and (rest[1] != 0 or not _expands(parts[2]))
    return False


def _expands(data: bytes) -> bool:
    decoder = zlib.decompressobj()
    try:
        decoder.decompress(data, _MAX_EXPANDED_BYTES)
    except zlib.error:
        return False
    return decoder.eof


def pack_chunk(kind: bytes, data: bytes) -> bytes:
    """Write a chunk: length, kind, data and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
