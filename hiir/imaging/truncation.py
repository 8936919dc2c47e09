"""Distinguishes a file that ends too early from one that is damaged inside.

Pillow's messages do not separate the two for every format. The structure of each format shows where
it ends. It is checked only after decoding has failed, since decoders are more lenient than the
specifications (a JPEG may lack its end marker and still have all pixels).
"""

import io
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

from hiir.imaging.formats import ImageFormat
from hiir.imaging.tiff_directory import TiffDirectory

_TAIL = 64 * 1024


def ends_early(stream: BinaryIO, image_format: ImageFormat) -> bool:
    """Return whether the structure of a file of `image_format` extends beyond its last byte."""
    length = stream.seek(0, io.SEEK_END)
    try:
        return _CHECKS[image_format](stream, length)
    except (EOFError, struct.error):
        return True  # not even the length fields are present


def _jpeg(stream: BinaryIO, length: int) -> bool:
    return not _tail(stream, length).rstrip(b"\0\r\n ").endswith(b"\xff\xd9")


def _png(stream: BinaryIO, length: int) -> bool:
    return b"IEND\xae\x42\x60\x82" not in _tail(stream, length)


def _webp(stream: BinaryIO, length: int) -> bool:
    (size,) = _unpack(stream, 4, "<I")
    return size + 8 > length


def _bmp(stream: BinaryIO, length: int) -> bool:
    (size,) = _unpack(stream, 2, "<I")
    return size > length


def _boxes(stream: BinaryIO, length: int) -> bool:
    position = 0
    while position < length:
        (size,) = _unpack(stream, position, ">I")
        if size == 1:
            (size,) = _unpack(stream, position + 8, ">Q")
        if size < 8:
            return False  # 0 means "to the end of the file"; less is damaged
        position += size
    return position > length


def _tiff(stream: BinaryIO, _length: int) -> bool:
    return TiffDirectory(stream).lacks_pixels()


def _tail(stream: BinaryIO, length: int) -> bytes:
    stream.seek(max(length - _TAIL, 0))
    return stream.read()


def _unpack(stream: BinaryIO, position: int, layout: str) -> tuple[int, ...]:
    stream.seek(position)
    return struct.unpack(layout, stream.read(struct.calcsize(layout)))


_CHECKS: Mapping[ImageFormat, Callable[[BinaryIO, int], bool]] = {
    ImageFormat.AVIF: _boxes,
    ImageFormat.BMP: _bmp,
    ImageFormat.HEIC: _boxes,
    ImageFormat.JPEG: _jpeg,
    ImageFormat.PNG: _png,
    ImageFormat.TIFF: _tiff,
    ImageFormat.WEBP: _webp,
}
