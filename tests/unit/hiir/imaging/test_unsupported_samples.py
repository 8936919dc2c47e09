"""Samples that cannot be read are named as such, and not called damaged."""

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from hiir.imaging import ImageCorrupt, ImageLimits, NoteCode, UnsupportedPixelMode, decode, probe


def tiff(samples, **options):
    output = io.BytesIO()
    tifffile.imwrite(output, samples, metadata=None, **options)
    return output.getvalue()


def noise(dtype, *shape):
    return (np.random.default_rng(0).random(shape) * 200).astype(dtype)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "actual"),
    [
        ("float16", "floating point, 16 bits"),
        ("float32", "floating point, 32 bits"),
        ("float64", "floating point, 64 bits"),
        ("uint32", "32 bits"),
        ("int16", "signed integers, 16 bits"),
        ("complex64", "complex numbers, 64 bits"),
    ],
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_of_other_samples_is_refused_with_their_kind(dtype, actual, compression, byteorder):
    content = tiff(
        noise(dtype, 20, 24, 3), photometric="rgb", compression=compression, byteorder=byteorder
    )
    for reading in (probe, lambda data: decode(data, ImageLimits())):
        with pytest.raises(UnsupportedPixelMode) as caught:
            reading(content)
        assert caught.value.actual == actual


def with_tag(content, tag, value):
    """A TIFF of tifffile with the value of a SHORT changed."""
    data = bytearray(content)
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    for place in range(first + 2, first + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, place) == (tag,):
            struct.pack_into("<H", data, place + 8, value)
            return bytes(data)
    raise AssertionError(tag)


@pytest.mark.parametrize(("code", "name"), [(50000, "ZSTD"), (34887, "LERC"), (33003, "JPEG 2000")])
def test_a_compression_that_is_not_read_at_16_bits_is_named(code, name):
    content = tiff(noise("uint16", 20, 24, 3), photometric="rgb", compression="zlib")
    with pytest.raises(UnsupportedPixelMode, match=name):
        decode(with_tag(content, 259, code), ImageLimits())


def test_a_jpeg_of_12_bits_is_refused_with_its_depth(make_file):
    data = bytearray(make_file("JPEG"))
    place = data.index(b"\xff\xc0") + 4
    assert data[place] == 8
    data[place] = 12
    with pytest.raises(UnsupportedPixelMode, match="12 bits") as caught:
        decode(bytes(data), ImageLimits())
    assert (caught.value.limit, caught.value.actual) == (8, 12)


def test_a_bmp_of_an_unknown_compression_is_refused(make_file):
    data = bytearray(make_file("BMP"))
    data[30:34] = struct.pack("<I", 4)
    with pytest.raises(UnsupportedPixelMode, match="compression 4"):
        decode(bytes(data), ImageLimits())


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF", "BMP"])
def test_damaged_samples_of_a_known_kind_are_damaged(make_file, image_format):
    data = bytearray(make_file(image_format))
    if image_format == "JPEG":
        data[data.index(b"\xff\xc0") + 5 : data.index(b"\xff\xc0") + 9] = bytes(4)
        content = bytes(data)
    elif image_format == "BMP":
        data[14:18] = struct.pack("<I", 3)
        content = bytes(data)
    else:
        content = with_tag(tiff(noise("uint8", 20, 24, 3), photometric="rgb"), 259, 5)
    with pytest.raises(ImageCorrupt):
        decode(content, ImageLimits())


@pytest.mark.parametrize("extra", [1, 2])
def test_extra_channels_are_left_out_and_noted(extra):
    samples = noise("uint8", 20, 24, 3 + extra)
    content = tiff(samples, photometric="rgb", extrasamples=["unspecified"] * extra)
    image = decode(content, ImageLimits())
    assert np.array_equal(image.pixels, samples[..., :3])
    assert [note.code for note in image.info.notes] == [NoteCode.CHANNELS_DROPPED]
    assert image.info.notes[0].detail.startswith(str(extra))


def test_more_channels_of_16_bits_than_are_read_are_named():
    content = tiff(noise("uint16", 20, 24, 5), photometric="rgb", extrasamples=["unspecified"] * 2)
    with pytest.raises(UnsupportedPixelMode, match="5 channels"):
        decode(content, ImageLimits())


@pytest.mark.parametrize("reduced_first", [False, True])
def test_a_reduced_copy_is_neither_a_second_page_nor_the_photo(reduced_first):
    photo = noise("uint8", 40, 60, 3)
    pages = [(photo, 0), (photo[::4, ::2], 1)]
    output = io.BytesIO()
    with tifffile.TiffWriter(output) as writer:
        for pixels, kind in reversed(pages) if reduced_first else pages:
            writer.write(pixels, photometric="rgb", subfiletype=kind, metadata=None)
    assert probe(output.getvalue()).frames == 1
    assert np.array_equal(decode(output.getvalue(), ImageLimits()).pixels, photo)


def test_a_palette_is_no_extra_channel(make_file):
    content = make_file("TIFF", image=Image.new("P", (20, 20)))
    assert NoteCode.CHANNELS_DROPPED not in [
        note.code for note in decode(content, ImageLimits()).info.notes
    ]
