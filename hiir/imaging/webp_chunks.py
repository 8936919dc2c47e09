"""The chunks of a WebP file (RIFF), for information that Pillow does not provide."""

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

from hiir.imaging.trailer import PADDING, note_on_trailer

_MAX_CHUNKS = 10_000
_HEADER, _FRAME_HEADER = 12, 16
_KNOWN = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "}


def read_kinds(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the kinds of the chunks, including those inside the frames of an animation."""
    end = _end(stream)
    place = _HEADER
    for _ in range(_MAX_CHUNKS):
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8 or place >= end:
            return
        kind, size = struct.unpack("<4sI", head)
        yield kind
        place += 8 + (_FRAME_HEADER if kind == b"ANMF" else size + size % 2)


def left_out(stream: BinaryIO) -> Iterator[str]:
    """Yield descriptions of unknown chunks, and of data after the file."""
    names = {kind.decode("ascii", "replace") for kind in read_kinds(stream) if kind not in _KNOWN}
    if names:
        yield f"chunks ({', '.join(sorted(names))})"
    stream.seek(_end(stream))
    yield from note_on_trailer(len(stream.read().strip(PADDING)))


def _end(stream: BinaryIO) -> int:
    stream.seek(4)
    size = int.from_bytes(stream.read(4), "little")
    return min(8 + size + size % 2, stream.seek(0, io.SEEK_END))
