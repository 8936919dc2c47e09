"""Detects lossless files in formats that support both lossless and lossy compression."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import BinaryIO

from hiir.imaging.formats import ImageFormat
from hiir.imaging.jpeg_segments import read_segments
from hiir.imaging.nclx import read_nclx
from hiir.imaging.webp_chunks import read_kinds

_MAX_SEGMENTS = 10_000
_LOSSLESS_FRAMES = {0xC3, 0xC7, 0xCB, 0xCF}  # markers of JPEG, ISO/IEC 10918-1 table B.1
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WEBP = {b"VP8L", b"VP8 "}


def is_lossless(stream: BinaryIO, image_format: ImageFormat) -> bool:
    """Return whether a file of WebP (VP8L), JPEG (lossless process), AVIF or HEIC is lossless.

    AVIF and HEIC count as lossless if they use the identity matrix.
    """
    check = _CHECKS.get(image_format)
    return check is not None and check(stream)


def _webp(stream: BinaryIO) -> bool:
    return next((kind for kind in read_kinds(stream) if kind in _WEBP), None) == b"VP8L"


def _jpeg(stream: BinaryIO) -> bool:
    codes = (segment.code for segment in islice(read_segments(stream), _MAX_SEGMENTS))
    return next((code for code in codes if code in _FRAMES), None) in _LOSSLESS_FRAMES


def _heif(stream: BinaryIO) -> bool:
    nclx = read_nclx(stream)
    return nclx is not None and nclx.matrix == 0


_CHECKS: Mapping[ImageFormat, Callable[[BinaryIO], bool]] = {
    ImageFormat.AVIF: _heif,
    ImageFormat.HEIC: _heif,
    ImageFormat.JPEG: _jpeg,
    ImageFormat.WEBP: _webp,
}
