"""Recognize files that were compressed without loss in a format that also compresses with loss."""

import re
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

from hiir.imaging.formats import ImageFormat
from hiir.imaging.webp_chunks import read_kinds

_MAX_PARTS = 10_000
_LOSSLESS_FRAMES = {0xC3, 0xC7, 0xCB, 0xCF}  # of JPEG, ISO/IEC 10918-1 table B.1
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WEBP = {b"VP8L", b"VP8 "}
# The color box with its matrix: identity, so that RGB is coded as it is.
_NCLX = re.compile(rb"colrnclx....(..)", re.DOTALL)


def is_lossless(stream: BinaryIO, image_format: ImageFormat) -> bool:
    """Return whether WebP (VP8L), JPEG (lossless process), AVIF or HEIC (identity matrix) is."""
    check = _CHECKS.get(image_format)
    try:
        return check is not None and check(stream)
    except struct.error:
        return False  # ends too early, which its decoder says


def _webp(stream: BinaryIO) -> bool:
    return next((kind for kind in read_kinds(stream) if kind in _WEBP), None) == b"VP8L"


def _jpeg(stream: BinaryIO) -> bool:
    place = 2
    for _ in range(_MAX_PARTS):
        stream.seek(place)
        mark, code, size = struct.unpack(">BBH", stream.read(4))
        if mark != 0xFF or code in _FRAMES:
            return code in _LOSSLESS_FRAMES
        place += 2 + size
    return False


def _heif(stream: BinaryIO) -> bool:
    stream.seek(0)
    found = _NCLX.search(stream.read())
    return found is not None and found[1] == b"\0\0"


_CHECKS: Mapping[ImageFormat, Callable[[BinaryIO], bool]] = {
    ImageFormat.AVIF: _heif,
    ImageFormat.HEIC: _heif,
    ImageFormat.JPEG: _jpeg,
    ImageFormat.WEBP: _webp,
}
