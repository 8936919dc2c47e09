import struct

import numpy as np
import pytest
from PIL import Image

from hiir.imaging import (
    ImageFormat,
    ImageLimits,
    NoteCode,
    UnsupportedPixelMode,
    decode,
    encode,
)
from hiir.imaging.modes import check_mode


@pytest.fixture
def levels(make_pixels):
    return make_pixels(channels=1)[..., 0]


def decoded(make_file, image, image_format="PNG", **options):
    return decode(make_file(image_format, image=image, **options), ImageLimits(min_side=1))


def test_gray_has_one_channel(make_file, levels):
    image = decoded(make_file, Image.fromarray(levels))
    assert image.info.gray
    assert np.array_equal(image.pixels, levels[..., np.newaxis])


def test_gray_is_the_rounded_mean_of_channels_that_a_model_moved_apart(make_file):
    image = decoded(make_file, Image.new("L", (4, 1)))
    pixels = np.array([[[10, 11, 11], [10, 10, 11], [255, 255, 255], [0, 0, 0]]], np.uint8)
    again = decode(encode(pixels, like=image), ImageLimits(min_side=1))
    assert again.pixels[..., 0].tolist() == [[11, 10, 255, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_gray_level_survives_three_equal_channels(make_png, any_size, dtype):
    count = np.iinfo(dtype).max + 1
    ramp = np.arange(count).reshape(-1, 256)
    image = decode(make_png(ramp, bit_depth=8 * np.dtype(dtype).itemsize), any_size)
    assert np.array_equal(image.pixels[..., 0], ramp)
    again = decode(encode(image.pixels.repeat(3, axis=2), like=image), any_size)
    assert again.info.gray
    assert np.array_equal(again.pixels, image.pixels)


def test_a_bilevel_image_becomes_gray_and_that_is_told(make_file, levels):
    bilevel = Image.fromarray(levels).convert("1")
    image = decoded(make_file, bilevel)
    assert image.info.gray
    assert np.array_equal(image.pixels[..., 0], np.asarray(bilevel) * np.uint8(255))
    assert [note.code for note in image.info.notes] == [NoteCode.MODE_EXPANDED]


def test_gray_with_alpha_stays_gray_with_alpha(make_file, make_pixels):
    samples = make_pixels(channels=2)
    image = decoded(make_file, Image.fromarray(samples, "LA"))
    assert image.info.gray
    assert np.array_equal(image.alpha, samples[..., 1])


def test_a_palette_is_looked_up(make_file, make_pixels):
    indexed = Image.fromarray(make_pixels()).quantize(32)
    image = decoded(make_file, indexed)
    assert not image.info.gray
    assert image.alpha is None
    assert np.array_equal(image.pixels, np.asarray(indexed.convert("RGB")))
    assert [note.code for note in image.info.notes] == [NoteCode.MODE_EXPANDED]


@pytest.mark.parametrize("transparency", [3, bytes([0, 80, 160, 255])])
def test_a_palette_with_transparency_gives_alpha(any_size, make_file, transparency):
    indexed = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16) % 5).convert("P")
    indexed.putpalette([0, 0, 9, 50, 0, 0, 90, 0, 0, 130, 0, 0, 170, 0, 0])
    image = decode(make_file("PNG", image=indexed, transparency=transparency), any_size)
    alphas = [255] * 5
    if isinstance(transparency, bytes):
        alphas[:4] = transparency
    else:
        alphas[transparency] = 0
    assert not image.info.gray
    assert np.array_equal(image.alpha, np.array(alphas, np.uint8)[np.asarray(indexed)])
    assert image.pixels[0, 1].tolist() == [50, 0, 0]


def gray_palette(levels, step=16):
    indexed = Image.fromarray(levels // step).convert("P")
    indexed.putpalette([level * step for level in range(256 // step) for _ in range(3)])
    return indexed


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "BMP"])
def test_an_indexed_black_and_white_photo_cannot_be_tinted(
    any_size, make_file, levels, image_format
):
    source = make_file(image_format, image=gray_palette(levels))
    image = decode(source, any_size)
    assert image.info.header.mode in {"P", "L"}
    assert image.info.gray
    assert np.array_equal(image.pixels[..., 0], levels // 16 * 16)


def test_an_indexed_black_and_white_photo_may_have_alpha(any_size, make_file, levels):
    source = make_file("PNG", image=gray_palette(levels), transparency=5)
    image = decode(source, any_size)
    assert image.info.gray
    seen = levels // 16 != 5
    assert np.array_equal(image.alpha, np.where(seen, 255, 0))
    assert np.array_equal(image.pixels[seen, 0], levels[seen] // 16 * 16)


def test_an_indexed_photo_with_a_color_profile_stays_in_color(
    any_size, make_file, levels, icc_profile
):
    source = make_file("PNG", image=gray_palette(levels), icc_profile=icc_profile)
    image = decode(source, any_size)
    assert not image.info.gray
    assert image.info.metadata.icc_profile == icc_profile


@pytest.mark.parametrize(("bit_depth", "level"), [(1, 0), (1, 1), (2, 2), (4, 9), (8, 9), (8, 255)])
def test_a_transparent_gray_level_is_found_at_any_depth(make_png, any_size, bit_depth, level):
    samples = np.arange(400).reshape(20, 20) % 2**bit_depth
    marked = (b"tRNS", struct.pack(">H", level))
    image = decode(make_png(samples, bit_depth=bit_depth, before_data=[marked]), any_size)
    assert image.info.gray
    assert np.array_equal(image.alpha, np.where(samples == level, 0, 255))


def test_a_transparent_color_gives_alpha(make_png, any_size, make_pixels):
    samples = make_pixels() // 128
    marked = (b"tRNS", struct.pack(">HHH", 1, 0, 1))
    image = decode(make_png(samples, bit_depth=8, color_type=2, before_data=[marked]), any_size)
    assert not image.info.gray
    assert np.array_equal(image.alpha == 0, (samples == (1, 0, 1)).all(axis=2))
    seen = image.alpha > 0
    assert np.array_equal(image.pixels[seen], samples[seen])


@pytest.mark.parametrize("mode", ["LAB", "YCbCr", "HSV", "I", "F", "I;16"])
def test_a_mode_that_is_not_in_the_table_is_refused_with_those_that_are(mode):
    with pytest.raises(UnsupportedPixelMode, match=f"mode {mode}") as caught:
        check_mode(mode, bit_depth=8, image_format=ImageFormat.TIFF)
    assert caught.value.actual == mode
    assert "RGBA" in caught.value.limit.split(", ")


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_inks_become_srgb_and_that_is_told(make_file, image_format):
    options = {"quality": 95} if image_format == "JPEG" else {}
    image = decoded(make_file, Image.new("CMYK", (32, 32), (0, 0, 0, 0)), image_format, **options)
    assert not image.info.gray
    assert image.pixels.min() >= 254  # no ink is white paper
    ink = decoded(make_file, Image.new("CMYK", (32, 32), (255, 0, 0, 0)), image_format, **options)
    red, green, blue = ink.pixels[16, 16].tolist()
    assert red < 60 < green < blue  # the cyan of print, and not that of a screen
    assert [note.code for note in ink.info.notes] == [NoteCode.COLOR_CONVERTED]
    assert ink.info.metadata.icc_profile is not None
