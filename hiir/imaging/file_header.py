"""Properties of an opened file that Pillow's size and mode do not contain: frames and bit depth."""

import re
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from hiir.imaging.errors import FrameNotFound, ImageCorrupt
from hiir.imaging.formats import ImageFormat
from hiir.imaging.limits import ImageHeader
from hiir.imaging.lossless import is_lossless
from hiir.imaging.tiff_directory import TiffDirectory
from hiir.imaging.tiff_fields import TiffReader

_SUBFILE_TYPE, _REDUCED_OR_MASK = 254, 1 | 4
_BITS_PER_SAMPLE = 258


def read_header(
    image: ImageFile, stream: BinaryIO, image_format: ImageFormat, frame: int | None = None
) -> ImageHeader:
    """Describe `image`, which Pillow has opened on `stream` and not loaded.

    A TIFF is described, and left, at the page with index `frame`, or at the first: each page has
    its own size. Reduced copies and masks do not count as pages.

    Raises:
        FrameNotFound: if there is no such frame.
        ImageCorrupt: if the header is damaged.
        Exception: `EOFError` and whatever Pillow raises for a damaged TIFF.
    """
    if isinstance(image, TiffImageFile):
        # Pillow only warns about a field that it cannot read, which may be needed for decoding.
        TiffDirectory(stream)
    pages = _pages(stream) if isinstance(image, TiffImageFile) else []
    frames = len(pages) or _count_frames(image, image_format)
    if frame is not None and frame >= frames:
        raise FrameNotFound(
            f"The file has {frames} frames or pages, counted from 0.",
            limit=frames - 1,
            actual=frame,
        )
    if isinstance(image, TiffImageFile):
        image.seek(pages[frame or 0])
    return ImageHeader(
        format=image_format,
        width=image.width,
        height=image.height,
        frames=frames,
        mode=_read_mode(image),
        bit_depth=_read_bit_depth(image, stream, image_format),
        is_lossless=is_lossless(stream, image_format),
        luma_steps=_read_luma_steps(image, image_format),
    )


def _read_luma_steps(image: ImageFile, image_format: ImageFormat) -> tuple[int, ...]:
    """Return the quantization table of a JPEG's first component, which Pillow has reordered."""
    if image_format is not ImageFormat.JPEG:
        return ()
    tables: Mapping[int, Sequence[int]] = getattr(image, "quantization", {})
    return tuple(tables.get(0, ()))


def _count_frames(image: ImageFile, image_format: ImageFormat) -> int:
    if image_format is ImageFormat.JPEG:
        return 1  # cameras append previews and depth maps (MPO); the photo is first
    return int(getattr(image, "n_frames", 1))


def _pages(stream: BinaryIO) -> list[int]:
    """Return the indices of the pages of a TIFF that are photos, not reduced copies or masks."""
    reader, full, count = TiffReader(stream), [], 0
    try:
        for place, page in enumerate(reader.chain()):
            count += 1
            if not reader.number(page.fields, _SUBFILE_TYPE) & _REDUCED_OR_MASK:
                full.append(place)
    except EOFError:
        if not count:
            raise
    return full or [0]


def _read_mode(image: ImageFile) -> str:
    # Deep gray with alpha is opened as color.
    return "LA" if any(tile.args == "LA;16B" for tile in image.tile) else image.mode


def _read_bit_depth(image: ImageFile, stream: BinaryIO, image_format: ImageFormat) -> int:
    """Read the bit depth, which Pillow's mode hides: it silently reduces deep color to 8 bits."""
    if isinstance(image, TiffImageFile):
        return int(max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,))))
    if image_format is ImageFormat.PNG:
        return _read_png_bit_depth(image)
    if image_format is ImageFormat.AVIF:
        stream.seek(0)
        return _read_avif_bit_depth(stream.read())
    if image_format is ImageFormat.HEIC:
        return int(image.info.get("bit_depth", 8))
    return 8


def _read_png_bit_depth(image: ImageFile) -> int:
    # The value comes from the layout that the decoder will use ("L;4", "RGB;16B") instead of a
    # fixed position in the file: a second header chunk may have replaced the first.
    digits = re.search(r"\d+", str(image.tile[0].args))
    return int(digits[0]) if digits else 8


def _read_avif_bit_depth(data: bytes) -> int:
    # The codec configuration box contains marker and version, profile and level, then tier, high
    # bit depth, twelve bit. Color and alpha have one box each.
    configurations = [match[1][0] for match in re.finditer(rb"av1C\x81.(.)", data, re.DOTALL)]
    if not configurations:
        raise ImageCorrupt("The AVIF file has no codec configuration.")
    flags = max(configurations, key=lambda value: value & 0x60)
    if not flags & 0x40:
        return 8
    return 12 if flags & 0x20 else 10
