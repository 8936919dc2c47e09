"""Metadata in JPEG segments other than EXIF, XMP, profile and resolution.

Pillow lists the segments; this module selects those that are copied, and those whose removal is
noted.
"""

import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from PIL.JpegImagePlugin import JpegImageFile

from hiir.imaging.photoshop_resources import kept_resources
from hiir.imaging.pillow_errors import PILLOW_ERRORS
from hiir.imaging.trailer import PADDING, note_on_trailer

XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
_MAX_EXTENDED_BYTES = 2 * 1024 * 1024
_MAX_TEXT_BYTES = 512 * 1024
_EXTENSION_HEAD = len(XMP_EXTENSION) + 40  # MD5 in hexadecimal, length, offset
_GUID = re.compile(rb"""HasExtendedXMP\s{0,8}(?:=\s{0,8}["']|>)\s{0,8}([0-9A-Fa-f]{32})""")
# Read elsewhere, or about the original compression.
_KNOWN = (b"JFIF", b"JFXX", b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0",
          b"Adobe", b"Ducky", b"MPF\0", XMP_EXTENSION, PHOTOSHOP)  # fmt: skip
_MARK, _SCAN = 0xFF, 0xDA
_FIRST_APP, _ADOBE, _COMMENT = 0xE0, 0xEE, 0xFE
_FIRST_SEGMENT = 2  # after the start-of-image marker
_SCAN_START = 4096  # number of bytes within which Pillow has read all headers
_MULTI_PICTURE = b"MPF\0"
_END_OF_IMAGE = b"\xff\xd9"


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegSegment:
    """A segment before the first scan."""

    code: int
    """Second byte of its marker."""
    place: int
    """Offset of the segment's marker in the file."""
    end: int
    """Offset of the end of the segment, according to its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegExtras:
    """Metadata that only JPEG, and in part TIFF, supports."""

    photoshop: bytes | None = None
    comments: tuple[bytes, ...] = ()
    extended_xmp: bytes | None = None
    dropped: tuple[str, ...] = ()


def read_extras(image: JpegImageFile, xmp: bytes | None) -> JpegExtras:
    """Read comments, Photoshop's resources with IPTC, and the extension of `xmp`."""
    dropped = []
    comments = tuple(data for name, data in image.applist if name == "COM")
    if sum(map(len, comments)) > _MAX_TEXT_BYTES:
        comments = ()
        dropped.append("comments")
    photoshop = b"".join(
        data[len(PHOTOSHOP) :] for name, data in image.applist if _is(name, data, 13, PHOTOSHOP)
    )
    try:
        photoshop = kept_resources(photoshop)
    except ValueError:
        photoshop = b""
        dropped.append("photoshop")
    parts = [data for name, data in image.applist if _is(name, data, 1, XMP_EXTENSION)]
    extended = _join(parts, xmp) if parts else None
    if parts and extended is None:
        dropped.append("extended_xmp")
    return JpegExtras(
        photoshop=photoshop or None,
        comments=comments,
        extended_xmp=extended,
        dropped=tuple(dropped),
    )


def read_segments(stream: BinaryIO) -> Iterator[JpegSegment]:
    """Yield the positions of the segments before the first scan."""
    place = _FIRST_SEGMENT
    while True:
        stream.seek(place)
        head = stream.read(4)
        if len(head) < 4 or head[0] != _MARK or head[1] == _SCAN:
            return
        end = place + 2 + int.from_bytes(head[2:], "big")
        yield JpegSegment(code=head[1], place=place, end=end)
        place = end


def extension_name(xmp: bytes) -> bytes | None:
    """Return the MD5, in hexadecimal, with which a packet refers to its extension."""
    found = _GUID.search(xmp)
    return found[1] if found else None


def without_damaged_segments(stream: BinaryIO) -> tuple[BinaryIO, tuple[str, ...]]:
    """Return a JPEG in which all metadata segments are readable, and the names of removed ones.

    Pillow rejects a whole file because of one segment that it cannot parse. The original stream is
    returned if the file can be opened as it is, or not at all.
    """
    if _opens(stream):
        return stream, ()
    stream.seek(0)
    content = stream.read()
    rest = content[_first_scan(content) :]
    segments = [(item.code, content[item.place : item.end]) for item in read_segments(stream)]
    frame = b"".join(data for code, data in segments if not _is_metadata(code))
    kept, damaged = content[:2], []
    for code, data in segments:
        alone = content[:2] + data + frame + rest[:_SCAN_START]
        if _is_metadata(code) and not _opens(io.BytesIO(alone)):
            damaged.append("COM" if code == _COMMENT else f"APP{code - _FIRST_APP}")
        else:
            kept += data
    mended = io.BytesIO(kept + rest)
    return (mended, tuple(dict.fromkeys(damaged))) if damaged and _opens(mended) else (stream, ())


def _opens(stream: BinaryIO) -> bool:
    stream.seek(0)
    try:
        JpegImageFile(stream)
    except PILLOW_ERRORS:
        return False
    finally:
        stream.seek(0)
    return True


def _is_metadata(code: int) -> bool:
    # Adobe's segment states how the colors are coded.
    return code == _COMMENT or (_FIRST_APP <= code < _FIRST_APP + 16 and code != _ADOBE)


def left_out(image: JpegImageFile, stream: BinaryIO) -> Iterator[str]:
    """Yield descriptions of the parts of a JPEG that are not in the result."""
    if any(data.startswith(_MULTI_PICTURE) for _, data in image.applist):
        yield "further pictures (MPF: previews, gain map or depth map)"
    yield from note_on_trailer(_trailer_bytes(stream), ", such as a video")
    others = {
        name
        for name, data in image.applist
        if name != "COM" and not data.startswith(_KNOWN) and data.strip(b"\0")
    }
    if others:
        yield f"application segments ({', '.join(sorted(others))})"


def _is(name: str, data: bytes, number: int, start: bytes) -> bool:
    return name == f"APP{number}" and data.startswith(start)


def _join(parts: list[bytes], xmp: bytes | None) -> bytes | None:
    """Return the extension, if it is complete and is the one that the packet refers to."""
    name = extension_name(xmp or b"")
    own = [part for part in parts if part[len(XMP_EXTENSION) :][:32] == name]
    if name is None or not own or len(own) != len(parts):
        return None
    pieces = sorted((int.from_bytes(part[_EXTENSION_HEAD - 4 : _EXTENSION_HEAD], "big"),
                     part[_EXTENSION_HEAD:]) for part in own)  # fmt: skip
    joined = b""
    for place, piece in pieces:
        if place != len(joined):
            return None
        joined += piece
    total = int.from_bytes(own[0][_EXTENSION_HEAD - 8 : _EXTENSION_HEAD - 4], "big")
    return joined if len(joined) == total <= _MAX_EXTENDED_BYTES else None


def _trailer_bytes(stream: BinaryIO) -> int:
    """Count the bytes after the image. In scans, FF is followed by 0 or by a restart marker."""
    stream.seek(0)
    content = stream.read()
    end = content.find(_END_OF_IMAGE, _first_scan(content))
    trailer = content[end + 2 :].rstrip(PADDING) if end > 0 else b""
    return len(trailer) if trailer.strip(PADDING) else 0


def _first_scan(content: bytes) -> int:
    """Return the offset of the first scan; earlier segments may hold previews with end markers."""
    last = deque(read_segments(io.BytesIO(content)), maxlen=1)
    return last[0].end if last else _FIRST_SEGMENT
