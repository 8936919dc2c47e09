"""Photoshop's image resources (8BIM), in which JPEG and TIFF store IPTC: copied block by block.

Layout: `8BIM`, a number of 2 bytes, a name, a length of 4 bytes, data; names and data are padded to
an even size (Adobe Photoshop File Formats Specification).
"""

import struct
from collections.abc import Iterator

IPTC = 0x0404
# Previews, and copies of metadata that the file also stores elsewhere, which would become outdated:
# thumbnails, profile, EXIF, XMP.
_LEFT_OUT = {0x0409, 0x040C, 0x040F, 0x0422, 0x0423, 0x0424}
_SIGNATURE = b"8BIM"


def read_resources(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield number, data, and all bytes of each resource.

    Raises:
        ValueError: if the block is damaged.
    """
    place = 0
    while place < len(block) and block[place:].strip(b"\0"):
        if block[place : place + 4] != _SIGNATURE or place + 8 > len(block):
            raise ValueError("a resource has another signature")
        (number,) = struct.unpack_from(">H", block, place + 4)
        name_size = 1 + block[place + 6]
        at = place + 6 + name_size + name_size % 2
        if at + 4 > len(block):
            raise ValueError("a resource ends too early")
        (size,) = struct.unpack_from(">I", block, at)
        end = at + 4 + size
        if end > len(block):
            raise ValueError("a resource ends too early")
        whole = block[place:end] + bytes(size % 2)
        yield number, block[at + 4 : end], whole
        place = end + size % 2


def kept_resources(block: bytes) -> bytes:
    """Return the block without previews and without copies of other metadata."""
    return b"".join(whole for number, _, whole in read_resources(block) if number not in _LEFT_OUT)


def iptc_of(block: bytes) -> bytes | None:
    """Return the IPTC data of a block, or None if it has none."""
    return next((data for number, data, _ in read_resources(block) if number == IPTC), None)


def wrap_iptc(data: bytes) -> bytes:
    """Wrap standalone IPTC data, as TIFF stores it, in a resource."""
    return struct.pack(">4sHHI", _SIGNATURE, IPTC, 0, len(data)) + data + bytes(len(data) % 2)
