"""Decoding to upright pixels: header first, limits before pixels, only typed errors."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import BinaryIO

import numpy as np
from PIL.ImageFile import ImageFile

from hiir.imaging import jpeg_segments, png_chunks
from hiir.imaging.color import plan_color, srgb_profile
from hiir.imaging.color_signal import read_color_signal
from hiir.imaging.deep_samples import read_deep
from hiir.imaging.exif_edit import as_srgb
from hiir.imaging.file_header import read_header
from hiir.imaging.formats import ImageFormat
from hiir.imaging.limits import ImageHeader, ImageLimits, check_header
from hiir.imaging.metadata_reading import (
    read_metadata,
    read_orientation,
    stored_orientation,
)
from hiir.imaging.modes import Layout, read_layout, scale_transparent_level
from hiir.imaging.notes_on_decoding import (
    notes_on_background,
    notes_on_layout,
    notes_on_metadata,
    notes_on_parts,
)
from hiir.imaging.options import PhotoOptions
from hiir.imaging.orientation import Orientation
from hiir.imaging.photo import (
    DecodedImage,
    Photo,
    PhotoBand,
    PhotoInfo,
    boxes_of_array,
    boxes_of_pillow,
)
from hiir.imaging.pillow_errors import translated
from hiir.imaging.plugins import PLUGINS, recognize
from hiir.imaging.tiff_directory import TiffDirectory


def probe(source: bytes | BinaryIO, frame: int | None = None) -> ImageHeader:
    """Read only the header of a file; a stream is read from its start and rewound.

    `check_header` checks the limits.

    Raises:
        EmptyImage: if the file is empty.
        UnsupportedImageFormat: if the format is not supported.
        ImageTruncated: if the file ends within the header.
        ImageCorrupt: if the header is damaged.
        FrameNotFound: if the file has no such frame.
        ImageTooLarge: if Pillow itself rejects the size.
    """
    given = _as_stream(source)
    try:
        image_format = recognize(given)
        stream, _ = _readable(given, image_format)
        with translated(stream, image_format), PLUGINS[image_format](stream) as image:
            return read_header(image, stream, image_format, frame)
    finally:
        given.seek(0)


def decode(
    source: bytes | BinaryIO, limits: ImageLimits, options: PhotoOptions | None = None
) -> DecodedImage:
    """Decode a whole file into arrays; see `open_photo`."""
    with open_photo(source, limits, options or PhotoOptions()) as (info, bands):
        pixels = np.empty(info.shape, info.dtype)
        alpha = np.empty(info.shape[:2], info.dtype) if info.has_alpha else None
        for band in bands:
            rows = slice(band.top, band.top + len(band.color))
            pixels[rows] = band.color
            if alpha is not None:
                alpha[rows] = band.alpha
    return DecodedImage(info=info, pixels=pixels, alpha=alpha)


@contextmanager
def open_photo(
    source: bytes | BinaryIO, limits: ImageLimits, options: PhotoOptions
) -> Iterator[tuple[PhotoInfo, Iterator[PhotoBand]]]:
    """Check the header against `limits`, decode, and yield the photo as requested by `options`.

    EXIF's orientation is applied, fully transparent pixels get the colors around them, and CMYK
    becomes sRGB.

    Raises:
        ImagingError: the errors of `probe` and `check_header`; those of `check_header` are raised
            before any pixel is decoded.
    """
    given = _as_stream(source)
    image_format = recognize(given)
    stream, damaged = _readable(given, image_format)

    def bands(photo: Photo) -> Iterator[PhotoBand]:
        waiting = photo.bands()
        while True:
            # Only making a band is covered: an error of its consumer is not an error of the file.
            with translated(stream, image_format):
                band = next(waiting, None)
            if band is None:
                return
            yield band

    with translated(stream, image_format):
        image = PLUGINS[image_format](stream)
    with image:
        with translated(stream, image_format):
            header = read_header(image, stream, image_format, options.frame)
            check_header(header, limits, options.frame)
            is_tiff = image_format is ImageFormat.TIFF  # positioned at its page already
            if options.frame is not None and image.tell() != options.frame and not is_tiff:
                image.seek(options.frame)
            if header.bit_depth <= 8 or image_format is ImageFormat.PNG:
                image.load()  # Also done for a deep PNG, because metadata may follow its pixels.
            photo = _describe(image, stream, header, options, damaged)
        yield photo.info, bands(photo)


def _describe(
    image: ImageFile,
    stream: BinaryIO,
    header: ImageHeader,
    options: PhotoOptions,
    damaged: tuple[str, ...],
) -> Photo:
    """Describe a loaded image as a photo."""
    scale_transparent_level(image, header.bit_depth)
    layout = read_layout(image, mode=header.mode, bit_depth=header.bit_depth)
    is_turned = header.bit_depth > 8 and header.format is ImageFormat.AVIF  # by the decoder
    orientation = Orientation() if is_turned else read_orientation(image)
    # A TIFF that Pillow has loaded is already upright, and its orientation is no longer available.
    oriented = stored_orientation(image) or orientation
    metadata = read_metadata(image, options.metadata, stream=stream, orientation=oriented)
    signal = read_color_signal(image, stream, header.format)
    plan = plan_color(layout, metadata.icc_profile, options.color, signal)
    background, channels = None, layout.channels
    if layout.has_alpha and options.background is not None:
        background, channels = _lay_over(options.background, layout)
    profile = plan.profile if channels == layout.channels else None  # not valid for colors
    exif = metadata.exif
    if exif is not None and plan.conversion is not None and plan.profile == srgb_profile():
        with suppress(EOFError, struct.error):  # a damaged directory states no color space
            exif = as_srgb(exif)
    if header.bit_depth > 8:
        samples = read_deep(stream, image, header.format, layout)
        read, stored = boxes_of_array(samples), (samples.shape[1], samples.shape[0])
    else:
        read, stored = boxes_of_pillow(image, layout), image.size
    width, height = orientation.size(*stored)
    info = PhotoInfo(
        header=header,
        shape=(height, width, channels),
        has_alpha=layout.has_alpha and background is None,
        metadata=replace(metadata, icc_profile=profile, exif=exif),
        notes=(
            *notes_on_layout(header, layout, oriented, options.frame),
            *notes_on_metadata(metadata, damaged),
            *notes_on_parts(image, stream, layout, options.metadata),
            *plan.notes,
            *notes_on_background(background),
        ),
    )
    return Photo(
        info=info,
        read=read,
        stored=stored,
        layout=layout,
        orientation=orientation,
        conversion=plan.conversion,
        background=background,
    )


def _lay_over(background: tuple[int, int, int], layout: Layout) -> tuple[tuple[int, ...], int]:
    """Return the background's levels and the channels of the result: gray stays gray on gray."""
    if layout.channels == 1 and len(set(background)) == 1:
        return background[:1], 1
    return background, 3


def _readable(stream: BinaryIO, image_format: ImageFormat) -> tuple[BinaryIO, tuple[str, ...]]:
    """Return a rewound file without its damaged metadata, and the names of the removed parts."""
    damaged: tuple[str, ...] = ()
    if image_format is ImageFormat.PNG:
        stream, damaged = png_chunks.without_damaged_chunks(stream)
    elif image_format is ImageFormat.JPEG:
        stream, damaged = jpeg_segments.without_damaged_segments(stream)
    elif image_format is ImageFormat.TIFF:
        with suppress(EOFError, ValueError):
            damaged = tuple(f"TIFF tag {tag}" for tag in TiffDirectory(stream).damaged)
    stream.seek(0)
    return stream, damaged


def _as_stream(source: bytes | BinaryIO) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source
