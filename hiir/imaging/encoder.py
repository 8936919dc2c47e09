"""Encoding of pixels to an image file like the input: format, depth, gray, alpha, metadata."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from hiir.imaging.alpha import enlarge_rows
from hiir.imaging.formats import ImageFormat
from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.notes import Note
from hiir.imaging.notes_on_encoding import notes_on_plan, written_metadata
from hiir.imaging.options import PhotoOptions
from hiir.imaging.output_plan import check_output_size, plan_photo
from hiir.imaging.photo import DecodedImage
from hiir.imaging.pixels import PixelRows, Pixels, change_depth
from hiir.imaging.plugins import enable_heif
from hiir.imaging.region import Region
from hiir.imaging.strip_writer import write_jpeg, write_png
from hiir.imaging.tiff_writer import write_tiff

_QUALITY = {
    ImageFormat.AVIF: 90,
    ImageFormat.HEIC: 90,
    ImageFormat.JPEG: 95,
    ImageFormat.WEBP: 95,
}
# Chroma has the resolution of the image, because reducing it is the most visible loss of
# compression.
_PILLOW_OPTIONS: Mapping[ImageFormat, Mapping[str, Any]] = {
    ImageFormat.AVIF: {"format": "AVIF", "subsampling": "4:4:4"},
    ImageFormat.BMP: {"format": "BMP"},
    ImageFormat.HEIC: {"format": "HEIF", "chroma": 444},
    ImageFormat.WEBP: {"format": "WEBP"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPhoto:
    """The result of encoding."""

    format: ImageFormat
    notes: tuple[Note, ...]
    """All changes to the photo, including those made by decoding."""


def encode(pixels: PixelRows, *, like: DecodedImage, options: PhotoOptions | None = None) -> bytes:
    """Encode into memory; see `encode_to`."""
    output = io.BytesIO()
    encode_to(output, pixels, like=like, options=options or PhotoOptions())
    return output.getvalue()


def encode_to(
    stream: BinaryIO, pixels: PixelRows, *, like: DecodedImage, options: PhotoOptions
) -> EncodedPhoto:
    """Write `(H, W, C)` uint8 or uint16 pixels in the form of `like`, changed by `options`.

    A gray image stays gray: the channels of a color model's output are averaged. Alpha of a smaller
    size is enlarged. If the options have a region, the pixels are those of the region, `like` is
    the whole photo, and metadata that applies only to the whole is left out.

    By default JPEG is written at quality 95 without chroma subsampling, WebP at 95, AVIF and HEIC
    at 90, and all other formats without loss.

    Raises:
        OutputUnsupported: if the format does not support the options.
        ImageTooLarge: if the format does not support the size.
    """
    plan = plan_photo(like.info, options)
    rows = OutputRows(pixels, like=like, bit_depth=plan.bit_depth, region=options.region)
    height, width, count = rows.shape
    check_output_size(
        plan.format, width=width, height=height, sample_bytes=count * rows.dtype.itemsize
    )
    metadata, dropped = written_metadata(like.info, options, plan.format)
    quality = options.quality or _QUALITY.get(plan.format)
    match plan.format:
        case ImageFormat.TIFF:
            write_tiff(rows, stream, metadata)
        case ImageFormat.PNG:
            write_png(rows, stream, metadata)
        case ImageFormat.JPEG if quality is not None:
            write_jpeg(rows, stream, metadata, quality=quality)
        case _:
            # By default WebP changes the colors of fully transparent pixels, which is also a loss.
            lossless = {"lossless": True, "exact": True}
            settings = lossless if plan.is_lossless else {"quality": quality}
            _write_by_pillow(rows, stream, metadata, plan.format, settings)
    return EncodedPhoto(
        format=plan.format,
        notes=(
            *like.info.notes,
            *notes_on_plan(like.info, plan, options),
            *dropped,
        ),
    )


class OutputRows:
    """The samples to write, computed while they are read (a `PixelRows`)."""

    def __init__(
        self,
        pixels: PixelRows,
        *,
        like: DecodedImage,
        bit_depth: int,
        region: Region | None = None,
    ) -> None:
        """Wrap `(H, W, C)` pixels of the photo `like`, or of a region of it."""
        height, width, channels = pixels.shape
        if region is None:
            region = Region(left=0, top=0, width=like.info.shape[1], height=like.info.shape[0])
        self._pixels = pixels
        self._alpha = like.alpha
        self._gray = like.info.gray
        self._region = region
        self._scale = height // region.height
        colors = 1 if self._gray else channels
        self.shape = (height, width, colors + (like.alpha is not None))
        self.dtype = np.dtype(np.uint16 if bit_depth == 16 else np.uint8)

    def __getitem__(self, rows: slice) -> Pixels:
        """Return the rows as `(n, W, C)`; alpha is the last channel."""
        top, bottom, _ = rows.indices(self.shape[0])
        color = change_depth(self._pixels[top:bottom], self.dtype)
        if self._gray and color.shape[2] > 1:
            color = _mean(color)
        if self._alpha is None:
            return color
        region, scale = self._region, self._scale
        above = region.top * scale
        alpha = enlarge_rows(self._alpha, top=above + top, bottom=above + bottom, scale=scale)
        alpha = alpha[:, region.left * scale : region.right * scale]
        return np.dstack((color, change_depth(alpha, self.dtype)))


def written_rows(pixels: PixelRows, *, like: DecodedImage) -> PixelRows:
    """Return `(H, W, C)` pixels as they would be written: one channel for a gray photo.

    The depth of the samples does not change.
    """
    return _GrayRows(pixels) if like.info.gray and pixels.shape[2] > 1 else pixels


class _GrayRows:
    """The mean of the channels (a `PixelRows`)."""

    def __init__(self, pixels: PixelRows) -> None:
        self._pixels = pixels
        self.shape = (*pixels.shape[:2], 1)
        self.dtype = pixels.dtype

    def __getitem__(self, rows: slice) -> Pixels:
        return _mean(self._pixels[rows])


def _mean(pixels: Pixels) -> Pixels:
    # Computed in integers: equal channels give exactly their value, and no float64 copy is made.
    count = pixels.shape[2]
    total = pixels.sum(axis=2, dtype=np.uint32, keepdims=True)
    mean: Pixels = ((total + count // 2) // count).astype(pixels.dtype)
    return mean


def _write_by_pillow(
    rows: OutputRows,
    stream: BinaryIO,
    metadata: ImageMetadata,
    target: ImageFormat,
    settings: Mapping[str, Any],
) -> None:
    if target is ImageFormat.HEIC:
        enable_heif()
    samples = rows[:]
    image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    options = {
        **_PILLOW_OPTIONS[target],
        **settings,
        "icc_profile": metadata.icc_profile,
        "exif": metadata.exif,
        "xmp": metadata.xmp,
        "dpi": metadata.dpi,
    }
    image.save(stream, **{key: value for key, value in options.items() if value is not None})
