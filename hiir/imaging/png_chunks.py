"""The chunks of a PNG file that Pillow does not read: cICP, and chunks that are copied."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hiir.imaging.trailer import PADDING, note_on_trailer

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNK_BYTES = 8 * 1024 * 1024
"""Maximum size of an ancillary chunk; a larger one counts as damaged."""
_MAX_CHUNKS = 100_000
_MAX_EXPANDED_BYTES = 1024 * 1024  # Pillow's limit for one text
_PART_OF_IMAGE = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}
_TEXT = {b"tEXt", b"zTXt", b"iTXt", b"tIME"}
# XMP and EXIF are read separately.
_OTHER_TEXT = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type ")
_READ = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP",
    b"pHYs", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"bKGD", b"hIST", b"sBIT", b"sPLT",
}  # fmt: skip
# Minimum sizes: Pillow, which reads these chunks, rejects the file if one is shorter.
_LEAST_BYTES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}


@dataclass(frozen=True, slots=True, kw_only=True)
class PngChunk:
    """One chunk; `data` is empty for pixel chunks, which are skipped."""

    kind: bytes
    place: int
    """Offset of the chunk in the file."""
    size: int
    data: bytes
    is_valid: bool
    """Whether the checksum is right and the size is allowed."""


def read_chunks(stream: BinaryIO) -> Iterator[PngChunk]:
    """Yield the chunks other than pixels, up to the end of the image or of the file."""
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


def read_text(stream: BinaryIO, *, keep_gps: bool) -> bytes | None:
    """Copy text and time chunks.

    XMP is left out, and so is the metadata that ImageMagick keeps of other formats. Without
    `keep_gps`, texts whose name contains `GPS` are left out, such as `exif:GPSLatitude`.
    """
    kept = [
        pack_chunk(chunk.kind, chunk.data)
        for chunk in read_chunks(stream)
        if chunk.kind in _TEXT
        and not chunk.data.startswith(_OTHER_TEXT)
        and not _is_damaged(chunk)
        and (keep_gps or b"GPS" not in chunk.data.partition(b"\0")[0].upper())
    ]
    text = b"".join(kept)
    return text if 0 < len(text) <= _MAX_EXPANDED_BYTES else None


def left_out(stream: BinaryIO) -> Iterator[str]:
    """Yield descriptions of chunks that are not read or copied, and of data after the image."""
    end = 0
    names = set()
    for chunk in read_chunks(stream):
        end = chunk.place + 12 + chunk.size
        if chunk.kind in _TEXT and _is_foreign(chunk.data):
            names.add(chunk.data.partition(b"\0")[0].decode("latin-1")[:40])
        elif chunk.kind not in _TEXT and chunk.kind not in _READ:
            names.add(chunk.kind.decode("ascii", "replace"))
    if names:
        yield f"chunks ({', '.join(sorted(names))})"
    stream.seek(end)
    yield from note_on_trailer(len(stream.read().strip(PADDING)))


def _is_foreign(text: bytes) -> bool:
    return text.startswith(_OTHER_TEXT[2]) and not text.startswith(_OTHER_TEXT[1])


def without_damaged_chunks(stream: BinaryIO) -> tuple[BinaryIO, tuple[str, ...]]:
    """Return a PNG in which all ancillary chunks are readable, and the names of removed ones.

    Pillow rejects a whole file because of a wrong checksum in a comment. The original stream is
    returned if nothing is damaged. Transparency (tRNS) and animations are part of the image, and
    are kept.
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
    """Return a chunk as bytes: length, kind, data and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
