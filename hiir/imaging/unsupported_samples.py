"""Distinguishes a file whose samples no decoder here can read from one that is damaged.

Pillow and libvips raise the same errors for both. The file's description of its samples is checked
after decoding has failed: if it is a kind that is not supported, that is the reason.
"""

import io
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO

from hiir.imaging.errors import UnsupportedPixelMode
from hiir.imaging.formats import ImageFormat
from hiir.imaging.tiff_fields import TiffField, TiffReader

_WIDTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 256, 258, 259, 262, 277
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339
_FORMATS = {2: "signed integers", 3: "floating point", 5: "complex integers", 6: "complex numbers"}
# Photometric interpretation: number of color samples, and name.
_COLORS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}
_COLOR_NAMES = {
    4: "transparency mask", 8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32844: "LogL", 32845: "LogLuv",
}  # fmt: skip
_COMPRESSIONS = {
    6: "old JPEG", 34661: "JBIG", 34712: "JPEG 2000", 33003: "JPEG 2000", 33005: "JPEG 2000",
    34887: "LERC", 50000: "ZSTD", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
    34676: "SGI Log", 34677: "SGI Log",
}  # fmt: skip
# Supported for 8 bits only.
_SHALLOW = {6, 50000, 50001}
_NEVER = set(_COMPRESSIONS) - _SHALLOW
_SUPPORTED = "1, 2, 4, 8 or 16 bits, unsigned"
_BMP_BITS, _BMP_COMPRESSIONS = {1, 4, 8, 16, 24, 32}, {0, 1, 2, 3}
_FRAME_HEADERS = {0xC0 + number for number in range(16)} - {0xC4, 0xC8, 0xCC}
_MAX_SEGMENTS = 10_000


def unsupported_samples(stream: BinaryIO, image_format: ImageFormat) -> UnsupportedPixelMode | None:
    """Return an error that describes the samples of a file that cannot be decoded.

    Returns None if the samples are supported.
    """
    check = _CHECKS.get(image_format)
    try:
        return None if check is None else check(stream)
    except (EOFError, StopIteration, struct.error, ValueError, IndexError):
        return None


def _check_jpeg(stream: BinaryIO) -> UnsupportedPixelMode | None:
    stream.seek(2)
    for _ in range(_MAX_SEGMENTS):
        mark, code, size = struct.unpack(">BBH", stream.read(4))
        if mark != 0xFF or code in {0xD9, 0xDA}:
            return None
        if code not in _FRAME_HEADERS:
            stream.seek(size - 2, io.SEEK_CUR)
            continue
        bits, _, _, channels = struct.unpack(">BHHB", stream.read(6))
        if bits != 8:
            return _refuse(f"The JPEG has {bits} bits per sample.", limit=8, actual=bits)
        if channels not in {1, 3, 4}:
            return _refuse(
                f"The JPEG has {channels} channels.", limit="1, 3, 4 channels", actual=channels
            )
        return None
    return None


def _check_tiff(stream: BinaryIO) -> UnsupportedPixelMode | None:
    reader = TiffReader(stream)
    fields = next(iter(reader.chain())).fields
    bits = reader.numbers(fields.get(_BITS)) or (1,)
    compression = reader.number(fields, _COMPRESSION, 1)
    photometric = reader.number(fields, _PHOTOMETRIC)
    if not reader.number(fields, _WIDTH):
        return None
    kinds = set(reader.numbers(fields.get(_SAMPLE_FORMAT))) & set(_FORMATS)
    if kinds:
        name = ", ".join(_FORMATS[kind] for kind in sorted(kinds))
        words = f"{name}, {max(bits)} bits"
        return _refuse(f"The samples are {words}.", limit=_SUPPORTED, actual=words)
    if len(set(bits)) > 1 or bits[0] not in {1, 2, 4, 8, 16}:
        words = f"{', '.join(str(count) for count in sorted(set(bits)))} bits"
        return _refuse(f"The samples have {words}.", limit=_SUPPORTED, actual=words)
    if photometric in _COLOR_NAMES:
        name = _COLOR_NAMES[photometric]
        return _refuse(f"The samples are {name}.", limit="gray, RGB, CMYK, palette", actual=name)
    if compression in _NEVER or (compression in _SHALLOW and bits[0] > 8):
        words = f"{_COMPRESSIONS[compression]} compression of {bits[0]} bits"
        return _refuse(
            f"The TIFF has {words}.", limit="none, LZW, Deflate, PackBits, LZMA", actual=words
        )
    return _check_channels(reader, fields, bits[0])


def _check_channels(
    reader: TiffReader, fields: Mapping[int, TiffField], bits: int
) -> UnsupportedPixelMode | None:
    samples = reader.number(fields, _SAMPLES, 1)
    colors = _COLORS.get(reader.number(fields, _PHOTOMETRIC))
    if colors is None or samples <= colors + 1:
        return None
    extra = len(reader.numbers(fields.get(_EXTRA_SAMPLES)))
    words = f"{samples} channels of {bits} bits, {extra} of them extra samples"
    return _refuse(f"The TIFF has {words}.", limit="colors and one of alpha", actual=words)


def _check_bmp(stream: BinaryIO) -> UnsupportedPixelMode | None:
    stream.seek(14)
    size, _, _, _, bits, compression = struct.unpack("<IiiHHI", stream.read(20))
    if size < 40 or (bits in _BMP_BITS and compression in _BMP_COMPRESSIONS):
        return None
    words = f"{bits} bits per pixel, compression {compression}"
    return _refuse(
        f"The BMP has {words}.", limit="1, 4, 8, 16, 24, 32 bits, compression 0 to 3", actual=words
    )


def _refuse(detail: str, *, limit: int | str, actual: int | str) -> UnsupportedPixelMode:
    return UnsupportedPixelMode(
        f"{detail} That is not supported; convert the image first.", limit=limit, actual=actual
    )


_CHECKS: Mapping[ImageFormat, Callable[[BinaryIO], UnsupportedPixelMode | None]] = {
    ImageFormat.BMP: _check_bmp,
    ImageFormat.JPEG: _check_jpeg,
    ImageFormat.TIFF: _check_tiff,
}
