"""The default crop of a DNG: the part of the active area that is the photo.

The manufacturer defines it. LibRaw rounds odd origins, and thereby loses a row or a column; here
they are read unchanged (DNG specification 1.6, DefaultCropOrigin and DefaultCropSize).
"""

import struct
from typing import BinaryIO

from hiir.imaging.orientation import Box
from hiir.imaging.tiff_fields import RATIONAL, SUB_IFDS, TiffField, TiffFields, TiffReader

_SUBFILE_TYPE, _ORIGIN, _SIZE = 254, 50719, 50720
_MAX_SUB_PAGES = 16


def read_default_crop(source: BinaryIO, *, width: int, height: int) -> Box:
    """Read the default crop inside an active area of `width` by `height` pixels.

    The result is the whole area if there is no default crop, or if it exceeds the area.
    """
    whole = Box(left=0, top=0, right=width, bottom=height)
    try:
        origin, size = _read(source)
    except (EOFError, ValueError):
        return whole
    crop = Box(left=origin[0], top=origin[1], right=origin[0] + size[0], bottom=origin[1] + size[1])
    inside = 0 <= crop.left < crop.right <= width and 0 <= crop.top < crop.bottom <= height
    return crop if inside else whole


def _read(source: BinaryIO) -> tuple[tuple[int, int], tuple[int, int]]:
    reader = TiffReader(source)
    pages: list[TiffFields] = []
    for page in reader.chain():
        below = reader.numbers(page.fields.get(SUB_IFDS))[:_MAX_SUB_PAGES]
        pages += [page, *(reader.directory(place) for place in below)]
    for page in pages:
        if _SIZE in page.fields and reader.number(page.fields, _SUBFILE_TYPE) == 0:
            origin = page.fields.get(_ORIGIN)
            size = _pair(reader, page.fields[_SIZE])
            return (0, 0) if origin is None else _pair(reader, origin), size
    raise ValueError("the file has no default crop")


def _pair(reader: TiffReader, field: TiffField) -> tuple[int, int]:
    if field.kind != RATIONAL:
        first, second = reader.numbers(field)
        return first, second
    values = struct.unpack(f"{reader.order}4I", reader.data(field))
    if 0 in values[1::2]:
        raise ValueError("a rational number has the denominator 0")
    return round(values[0] / values[1]), round(values[2] / values[3])
