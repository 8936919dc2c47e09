import io
import struct

import numpy as np
import pytest
import tifffile

from hiir.imaging import (
    EmptyImage,
    ImageCorrupt,
    ImageFormat,
    ImageLimits,
    ImageTruncated,
    UnsupportedImageFormat,
    decode,
)
from hiir.imaging.truncation import ends_early

# As in the service, where what Pillow only warns of does not stop it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

SIGNATURE = 16
VARIANTS = {
    "avif": ("AVIF", {}),
    "bmp": ("BMP", {}),
    "jpeg": ("JPEG", {}),
    "jpeg progressive": ("JPEG", {"progressive": True}),
    "png": ("PNG", {}),
    "tiff plain": ("TIFF", {}),
    "tiff deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff jpeg": ("TIFF", {"compression": "jpeg"}),
    "bigtiff": ("TIFF", {"big_tiff": True}),
    "webp": ("WEBP", {}),
    "webp lossless": ("WEBP", {"lossless": True}),
}


@pytest.fixture(params=VARIANTS)
def whole(request, make_file):
    image_format, options = VARIANTS[request.param]
    return make_file(image_format, **options)


def places_to_cut(length):
    """Ends behind the signature: all of the header, a sample of the middle, all of the end."""
    middle = range(200, length - 40, max(length // 60, 1))
    return sorted({*range(SIGNATURE, min(200, length)), *middle, *range(length - 40, length)})


def test_a_file_cut_anywhere_is_refused_unless_all_its_pixels_are_there(whole):
    pixels = decode(whole, ImageLimits()).pixels
    accepted = []
    for end in places_to_cut(len(whole)):
        try:
            image = decode(whole[:end], ImageLimits())
        except (ImageTruncated, ImageCorrupt):
            continue
        assert np.array_equal(image.pixels, pixels), f"{end} of {len(whole)} bytes"
        accepted.append(end)
    # A decoder may do without an end marker, a checksum or the padding after the last row.
    assert all(len(whole) - end <= 20 for end in accepted)


@pytest.mark.parametrize("percent", [40, 60, 80, 95])
def test_a_file_that_ends_among_its_pixels_is_named_truncated(whole, percent):
    with pytest.raises(ImageTruncated, match="ends before"):
        decode(whole[: len(whole) * percent // 100], ImageLimits())


def test_a_file_that_ends_within_its_signature_is_no_image(whole):
    with pytest.raises(EmptyImage):
        decode(whole[:0], ImageLimits())
    for end in range(1, SIGNATURE):
        with pytest.raises((UnsupportedImageFormat, ImageTruncated, ImageCorrupt)):
            decode(whole[:end], ImageLimits())


def test_a_whole_file_does_not_end_early(whole):
    image_format = decode(whole, ImageLimits()).info.header.format
    assert not ends_early(io.BytesIO(whole), image_format)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_every_layout_of_tiff_tells_where_it_ends(make_pixels, byteorder, bigtiff, tile):
    output = io.BytesIO()
    options = {"byteorder": byteorder, "bigtiff": bigtiff, "tile": tile, "photometric": "rgb"}
    tifffile.imwrite(output, make_pixels(), metadata=None, **options)
    data = output.getvalue()
    assert not ends_early(io.BytesIO(data), ImageFormat.TIFF)
    for end in (1, 5, 11, 40, 100, len(data) // 2, len(data) - 1):
        assert ends_early(io.BytesIO(data[:end]), ImageFormat.TIFF)


def test_a_strip_that_claims_more_bytes_than_it_needs_is_no_reason_to_refuse(make_file):
    data = bytearray(make_file("TIFF"))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        field = file.pages[0].tags["StripByteCounts"]
        (count,) = struct.unpack_from("<I", data, field.valueoffset)
        struct.pack_into("<I", data, field.valueoffset, count + 5000)
    assert ends_early(io.BytesIO(data), ImageFormat.TIFF)
    assert decode(bytes(data), ImageLimits()).info.header.width == 56


def test_damage_inside_a_complete_file_is_not_truncation(make_file):
    data = bytearray(make_file("PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ImageCorrupt, match="damaged"):
        decode(bytes(data), ImageLimits())


def test_bytes_after_the_image_do_not_matter(make_file):
    for image_format in ("BMP", "JPEG", "PNG", "TIFF", "WEBP"):
        data = make_file(image_format) + b"\0" * 1000
        assert decode(data, ImageLimits()).info.header.width == 56


@pytest.mark.parametrize(
    ("size", "length", "early"),
    [
        (struct.pack(">I", 24), 24, False),
        (struct.pack(">I", 25), 24, True),
        (struct.pack(">I", 0), 24, False),  # a box to the end of the file
        (struct.pack(">I", 7), 24, False),  # broken, and not cut
        (struct.pack(">I4xQ", 1, 24), 24, False),
        (struct.pack(">I4xQ", 1, 2**63), 24, True),
        (b"\0\0", 2, True),
    ],
)
def test_the_boxes_of_an_avif_tell_where_it_ends(size, length, early):
    assert ends_early(io.BytesIO(size.ljust(length, b"\0")), ImageFormat.AVIF) is early


@pytest.mark.parametrize("header", [b"II*\0\xff\xff\xff\xff", b"II+\0\x08\0\0\0" + b"\xff" * 8])
def test_a_directory_beyond_any_end_is_truncation(header):
    assert ends_early(io.BytesIO(header), ImageFormat.TIFF)
