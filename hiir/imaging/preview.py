"""Small copies of photos that every browser can display: WebP, 8 bits, sRGB."""

from typing import BinaryIO

import numpy as np
from PIL import Image

from hiir.imaging.color import SrgbConversion
from hiir.imaging.encoder import OutputRows
from hiir.imaging.formats import ImageFormat
from hiir.imaging.photo import BAND_PIXELS, DecodedImage
from hiir.imaging.pixels import PixelRows, Pixels
from hiir.imaging.region import Region

_QUALITY = 82
_METHOD = 0
"""Effort of the encoder. On noise, the default of 4 takes twice as long and gives larger files."""


def write_preview(
    stream: BinaryIO,
    pixels: PixelRows,
    *,
    like: DecodedImage,
    max_side: int,
    region: Region | None = None,
) -> tuple[int, int]:
    """Write upright `(H, W, C)` uint8 or uint16 pixels as WebP of at most `max_side` pixels a side.

    The pixels are those of the photo `like`, or of a `region` of it. The colors are converted to
    sRGB by the profile of `like`; its alpha is kept. Only bands of the pixels and the reduced image
    are in memory.

    Returns:
        Width and height of the preview.
    """
    rows = OutputRows(pixels, like=like, bit_depth=8, region=region)
    height, width, _ = rows.shape
    image = _reduce(rows, factor=max(height, width) // max_side)
    scale = min(1.0, max_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if image.size != size:
        image = image.resize(size, Image.Resampling.HAMMING)
    image = Image.fromarray(_to_srgb(np.asarray(image), like.info.metadata.icc_profile))
    image.save(stream, format=ImageFormat.WEBP.name, quality=_QUALITY, method=_METHOD)
    return size


def _reduce(rows: OutputRows, *, factor: int) -> Image.Image:
    """Average blocks of `factor` x `factor` pixels, to less than twice the wanted size."""
    height, width, channels = rows.shape
    factor = max(factor, 1)
    step = factor * max(1, BAND_PIXELS // (width * factor))
    reduced = []
    for top in range(0, height, step):
        band = rows[top : min(top + step, height)]
        image = Image.fromarray(band[..., 0] if channels == 1 else band)
        reduced.append(np.asarray(image.reduce(factor) if factor > 1 else image))
    return Image.fromarray(np.concatenate(reduced))


def _to_srgb(samples: Pixels, profile: bytes | None) -> Pixels:
    """Convert `(H, W)` gray, gray and alpha, RGB or RGBA to `(H, W, 3 or 4)` sRGB."""
    samples = samples[..., np.newaxis] if samples.ndim == 2 else samples
    colors = 1 if samples.shape[2] < 3 else 3
    color, alpha = samples[..., :colors], samples[..., colors:]
    conversion = SrgbConversion(profile=profile)
    if profile is not None and conversion.is_usable(color.shape[2]):
        color = conversion(color)
    if color.shape[2] == 1:
        color = np.repeat(color, 3, axis=2)
    result: Pixels = np.concatenate([color, alpha], axis=2)
    return result
