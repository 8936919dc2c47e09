"""Write a compressed TIFF with all of its EXIF, which Pillow's own writer cannot: its libtiff
encoder knows no nested directories (camera settings, GPS), and its plain one no compression.
"""

import shutil
import tempfile
import zlib
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.pixels import PixelRows

_STRIP_BYTES = 256 * 1024
_NESTED = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _COUNTS = 273, 277, 278, 279
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_PREDICTOR, _EXTRA_SAMPLES, _XMP, _ICC_PROFILE = 317, 338, 700, 34675
_DEFLATE, _DIFFERENCES, _INCH, _STRAIGHT_ALPHA = 8, 2, 2, 2
_PHOTOMETRIC_GRAY, _PHOTOMETRIC_RGB = 1, 2


def write_tiff(rows: PixelRows, stream: BinaryIO, metadata: ImageMetadata) -> None:
    """Write `(H, W, 1..4)` uint8 or uint16 samples to an empty stream: one page, deflate, lossless.

    Gray or RGB; where the count of samples is even, the last is straight alpha.
    """
    height, width, count = rows.shape
    rows_per_strip = max(_STRIP_BYTES // (width * count * rows.dtype.itemsize), 1)

    directory = _directory(metadata)
    directory[_WIDTH], directory[_HEIGHT] = width, height
    directory[_BITS] = (8 * rows.dtype.itemsize,) * count
    directory[_COMPRESSION] = _DEFLATE
    directory[_PREDICTOR] = _DIFFERENCES
    directory[_PHOTOMETRIC] = _PHOTOMETRIC_RGB if count >= 3 else _PHOTOMETRIC_GRAY
    directory[_SAMPLES] = count
    if count % 2 == 0:
        directory[_EXTRA_SAMPLES] = _STRAIGHT_ALPHA
    directory[_ROWS_PER_STRIP] = rows_per_strip
    with tempfile.TemporaryFile() as strips:
        lengths = [strips.write(strip) for strip in _compress(rows, rows_per_strip)]
        directory[_COUNTS] = tuple(lengths)
        # Counted from the first strip: `save` adds the place at which the directory ends.
        directory[_OFFSETS] = (0, *accumulate(lengths[:-1]))
        directory.save(stream)
        strips.seek(0)
        shutil.copyfileobj(strips, stream)


def _directory(metadata: ImageMetadata) -> ImageFileDirectory_v2:
    directory = ImageFileDirectory_v2()
    exif = Image.Exif()
    if metadata.exif is not None:
        exif.load(metadata.exif)
    for tag in exif:
        directory[tag] = exif.get_ifd(tag) if tag in _NESTED else exif[tag]
    if metadata.icc_profile is not None:
        directory[_ICC_PROFILE] = metadata.icc_profile
    if metadata.xmp is not None:
        directory[_XMP] = metadata.xmp
    if metadata.dpi is not None:
        directory[_X_RESOLUTION], directory[_Y_RESOLUTION] = metadata.dpi
        directory[_RESOLUTION_UNIT] = _INCH
    return directory


def _compress(rows: PixelRows, rows_per_strip: int) -> Iterator[bytes]:
    little = rows.dtype.newbyteorder("<")  # as the directory says
    for top in range(0, rows.shape[0], rows_per_strip):
        samples = rows[top : top + rows_per_strip]
        strip = samples.copy()
        # Each sample but a row's first becomes its difference from the one before, modulo its size.
        strip[:, 1:] -= samples[:, :-1]
        yield zlib.compress(strip.astype(little, copy=False).tobytes())
