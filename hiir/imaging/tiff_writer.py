"""Writes a compressed TIFF around an EXIF block, whose offsets stay valid.

The block is the beginning of the file: its maker note, camera settings and position keep their
offsets. Its first directory is replaced by one at the end, which also describes the pixels.
Pillow's encoder through libtiff does not support nested directories, and its plain one has no
compression.
"""

import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO

from hiir.imaging.exif_block import PREFIX, NewField, integers, resolution_fields, with_fields
from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.photoshop_resources import iptc_of
from hiir.imaging.pixels import PixelRows
from hiir.imaging.tiff_fields import LONG, SHORT, TiffReader

_STRIP_BYTES = 256 * 1024
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _COUNTS = 273, 277, 278, 279
_PREDICTOR, _EXTRA_SAMPLES, _XMP, _ICC_PROFILE = 317, 338, 700, 34675
_IPTC, _PHOTOSHOP = 33723, 34377
_BYTE, _UNDEFINED = 1, 7
_DEFLATE, _DIFFERENCES, _INCH, _RATIO, _STRAIGHT_ALPHA = 8, 2, 2, 1, 2
_PHOTOMETRIC_GRAY, _PHOTOMETRIC_RGB = 1, 2


def write_tiff(rows: PixelRows, stream: BinaryIO, metadata: ImageMetadata) -> None:
    """Write `(H, W, 1..4)` uint8 or uint16 samples to an empty stream: one page, deflate, lossless.

    The samples are gray or RGB; if their number is even, the last one is straight alpha.
    """
    height, width, count = rows.shape
    rows_per_strip = max(_STRIP_BYTES // (width * count * rows.dtype.itemsize), 1)
    block = None if metadata.exif is None else metadata.exif.removeprefix(PREFIX)
    order = "<" if block is None else TiffReader(io.BytesIO(block)).order
    fields = [
        integers(order, _WIDTH, LONG, (width,)),
        integers(order, _HEIGHT, LONG, (height,)),
        integers(order, _BITS, SHORT, (8 * rows.dtype.itemsize,) * count),
        integers(order, _COMPRESSION, SHORT, (_DEFLATE,)),
        integers(order, _PREDICTOR, SHORT, (_DIFFERENCES,)),
        integers(
            order, _PHOTOMETRIC, SHORT, (_PHOTOMETRIC_RGB if count >= 3 else _PHOTOMETRIC_GRAY,)
        ),
        integers(order, _SAMPLES, SHORT, (count,)),
        integers(order, _ROWS_PER_STRIP, LONG, (rows_per_strip,)),
        *_metadata_fields(order, metadata),
    ]
    if count % 2 == 0:
        fields.append(integers(order, _EXTRA_SAMPLES, SHORT, (_STRAIGHT_ALPHA,)))
    with tempfile.TemporaryFile() as strips:
        compressed = _compress(rows, rows_per_strip, order)
        lengths = [strips.write(strip) for strip in compressed]
        fields.append(integers(order, _COUNTS, LONG, lengths))
        starts = (0, *accumulate(lengths[:-1]))
        # Its length does not depend on the offsets, which count from its end.
        end = len(
            with_fields(block, [*fields, integers(order, _OFFSETS, LONG, starts)], order=order)
        )
        offsets = integers(order, _OFFSETS, LONG, [end + start for start in starts])
        stream.write(with_fields(block, [*fields, offsets], order=order))
        strips.seek(0)
        shutil.copyfileobj(strips, stream)


def _metadata_fields(order: str, metadata: ImageMetadata) -> Iterator[NewField]:
    if metadata.icc_profile is not None:
        yield _bytes(_ICC_PROFILE, _UNDEFINED, metadata.icc_profile)
    if metadata.xmp is not None:
        yield _bytes(_XMP, _BYTE, metadata.xmp)
    if metadata.photoshop is not None:
        yield _bytes(_PHOTOSHOP, _BYTE, metadata.photoshop)
        iptc = iptc_of(metadata.photoshop)
        if iptc is not None:
            yield _bytes(_IPTC, _UNDEFINED, iptc)
    if metadata.dpi is not None:
        yield from resolution_fields(order, metadata.dpi, _INCH)
    elif metadata.pixel_aspect is not None:
        yield from resolution_fields(order, metadata.pixel_aspect, _RATIO)


def _bytes(tag: int, kind: int, data: bytes) -> NewField:
    return NewField(tag=tag, kind=kind, count=len(data), data=data)


def _compress(rows: PixelRows, rows_per_strip: int, order: str) -> Iterator[bytes]:
    ordered = rows.dtype.newbyteorder("<" if order == "<" else ">")  # as the directory states
    for top in range(0, rows.shape[0], rows_per_strip):
        samples = rows[top : top + rows_per_strip]
        strip = samples.copy()
        # Each sample except the first of a row becomes its difference from the previous one, modulo
        # its size.
        strip[:, 1:] -= samples[:, :-1]
        yield zlib.compress(strip.astype(ordered, copy=False).tobytes())
