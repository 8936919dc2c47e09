"""The chunks of a PNG file, for what Pillow does not read: cICP, and chunks that are copied."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNK_BYTES = 8 * 1024 * 1024
"""Of an ancillary chunk; a larger one counts as damaged."""
_MAX_CHUNKS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PngChunk:
    """One chunk; `data` is empty for those of pixels, which are skipped."""

    kind: bytes
    data: bytes
    is_valid: bool
    """Whether the checksum is right, the size allowed, and compressed content can be expanded."""


def read_chunks(stream: BinaryIO) -> Iterator[PngChunk]:
    """Read the chunks that are not pixels, up to the end of the image or of the file."""
    stream.seek(len(SIGNATURE))
    for _ in range(_MAX_CHUNKS):
        head = stream.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        if kind in {b"IDAT", b"fdAT"} or size > MAX_CHUNK_BYTES:
            stream.seek(size + 4, 1)
            yield PngChunk(kind=kind, data=b"", is_valid=kind in {b"IDAT", b"fdAT"})
            continue
        data, checksum = stream.read(size), stream.read(4)
        is_valid = checksum == struct.pack(">I", zlib.crc32(kind + data))
        yield PngChunk(kind=kind, data=data, is_valid=is_valid and len(data) == size)
        if kind == b"IEND":
            return


def pack_chunk(kind: bytes, data: bytes) -> bytes:
    """Write a chunk: length, kind, data and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
