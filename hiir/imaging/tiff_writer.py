"""Write a compressed TIFF with all of its EXIF, which Pillow's own writer cannot: its libtiff
encoder knows no nested directories (camera settings, GPS), and its plain one no compression.
"""

import zlib
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.pixels import Uint8Pixels

_STRIP_BYTES = 256 * 1024
_NESTED = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _COUNTS = 273, 277, 278, 279
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_PREDICTOR, _EXTRA_SAMPLES, _XMP, _ICC_PROFILE = 317, 338, 700, 34675
_DEFLATE, _DIFFERENCES, _INCH, _STRAIGHT_ALPHA = 8, 2, 2, 2
_PHOTOMETRIC_GRAY, _PHOTOMETRIC_RGB = 1, 2


def write_tiff(image: Image.Image, stream: BinaryIO, metadata: ImageMetadata) -> None:
    """Write an L, LA, RGB or RGBA image to an empty stream: one page, deflate, lossless."""
    samples = np.asarray(image)
    samples = samples.reshape(image.height, image.width, -1)
    depth = samples.shape[2]
    rows_per_strip = max(_STRIP_BYTES // samples[0].size, 1)
    strips = list(_compress(samples, rows_per_strip))

    directory = _directory(metadata)
    directory[_WIDTH], directory[_HEIGHT] = image.size
    directory[_BITS] = (8,) * depth
    directory[_COMPRESSION] = _DEFLATE
    directory[_PREDICTOR] = _DIFFERENCES
    directory[_PHOTOMETRIC] = _PHOTOMETRIC_RGB if depth >= 3 else _PHOTOMETRIC_GRAY
    directory[_SAMPLES] = depth
    if image.mode.endswith("A"):
        directory[_EXTRA_SAMPLES] = _STRAIGHT_ALPHA
    directory[_ROWS_PER_STRIP] = rows_per_strip
    lengths = [len(strip) for strip in strips]
    directory[_COUNTS] = tuple(lengths)
    # Counted from the first strip: `save` adds the place at which the directory ends.
    directory[_OFFSETS] = (0, *accumulate(lengths[:-1]))
    directory.save(stream)
    stream.writelines(strips)


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


def _compress(samples: Uint8Pixels, rows_per_strip: int) -> Iterator[bytes]:
    for top in range(0, len(samples), rows_per_strip):
        strip = samples[top : top + rows_per_strip].copy()
        # Each sample but a row's first becomes its difference from the one before, modulo 256.
        strip[:, 1:] -= samples[top : top + rows_per_strip, :-1]
        yield zlib.compress(strip.tobytes())
