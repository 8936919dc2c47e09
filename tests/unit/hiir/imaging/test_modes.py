import struct

import numpy as np
import pytest
from PIL import Image

from hiir.imaging import ImageLimits, UnsupportedPixelMode, decode, encode
from hiir.imaging.modes import Planes, check_mode, join_planes, split_planes


@pytest.fixture
def levels(make_pixels):
    return make_pixels(channels=1)[..., 0]


def test_gray_becomes_three_equal_channels_and_comes_back_exactly(levels):
    planes = split_planes(Image.fromarray(levels))
    assert planes.gray
    assert planes.alpha is None
    assert np.array_equal(planes.pixels, np.dstack([levels] * 3))
    image = join_planes(planes)
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), levels)


def test_gray_is_the_rounded_mean_of_channels_that_a_model_moved_apart():
    pixels = np.array([[[10, 11, 11], [10, 10, 11], [255, 255, 255], [0, 0, 0]]], np.uint8)
    image = join_planes(Planes(pixels=pixels, alpha=None, gray=True))
    assert np.asarray(image).tolist() == [[11, 10, 255, 0]]


def test_every_gray_level_survives(any_size, make_file):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    decoded = decode(make_file("PNG", image=Image.fromarray(ramp)), any_size)
    assert np.array_equal(np.asarray(join_planes(split_planes(Image.fromarray(ramp)))), ramp)
    assert encode(decoded.pixels, like=decoded)


def test_a_bilevel_image_becomes_gray(levels):
    bilevel = Image.fromarray(levels).convert("1")
    planes = split_planes(bilevel)
    assert planes.gray
    assert np.array_equal(planes.pixels[..., 0], np.asarray(bilevel) * np.uint8(255))
    assert join_planes(planes).mode == "L"


def test_gray_with_alpha_stays_gray_with_alpha(make_pixels):
    samples = make_pixels(channels=2)
    image = join_planes(split_planes(Image.fromarray(samples, "LA")))
    assert image.mode == "LA"
    assert np.array_equal(np.asarray(image), samples)


def test_colour_with_alpha_keeps_the_colours_that_cannot_be_seen(make_pixels):
    samples = make_pixels(channels=4)
    samples[..., 3] = 0
    planes = split_planes(Image.fromarray(samples))
    assert np.array_equal(planes.pixels, samples[..., :3])
    assert np.array_equal(np.asarray(join_planes(planes)), samples)


def test_a_palette_is_looked_up(make_pixels):
    indexed = Image.fromarray(make_pixels()).quantize(32)
    planes = split_planes(indexed)
    assert not planes.gray
    assert planes.alpha is None
    assert np.array_equal(planes.pixels, np.asarray(indexed.convert("RGB")))


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
    assert not image.gray
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
    assert image.header.mode in {"P", "L"}
    assert image.gray
    assert np.array_equal(image.pixels[..., 0], levels // 16 * 16)


def test_an_indexed_black_and_white_photo_may_have_alpha(any_size, make_file, levels):
    source = make_file("PNG", image=gray_palette(levels), transparency=5)
    image = decode(source, any_size)
    assert image.gray
    assert np.array_equal(image.alpha, np.where(levels // 16 == 5, 0, 255))
    assert np.array_equal(image.pixels[..., 0], levels // 16 * 16)


def test_an_indexed_photo_with_a_colour_profile_stays_in_colour(
    any_size, make_file, levels, icc_profile
):
    source = make_file("PNG", image=gray_palette(levels), icc_profile=icc_profile)
    image = decode(source, any_size)
    assert not image.gray
    assert image.metadata.icc_profile == icc_profile


@pytest.mark.parametrize(("bit_depth", "level"), [(1, 0), (1, 1), (2, 2), (4, 9), (8, 9), (8, 255)])
def test_a_transparent_gray_level_is_found_at_any_depth(make_png, any_size, bit_depth, level):
    samples = np.arange(400).reshape(20, 20) % 2**bit_depth
    marked = (b"tRNS", struct.pack(">H", level))
    image = decode(make_png(samples, bit_depth=bit_depth, before_data=[marked]), any_size)
    assert image.gray
    assert np.array_equal(image.alpha, np.where(samples == level, 0, 255))


def test_a_transparent_colour_gives_alpha(make_png, any_size, make_pixels):
    samples = make_pixels() // 128
    marked = (b"tRNS", struct.pack(">HHH", 1, 0, 1))
    image = decode(make_png(samples, bit_depth=8, colour_type=2, before_data=[marked]), any_size)
    assert not image.gray
    assert np.array_equal(image.alpha == 0, (samples == (1, 0, 1)).all(axis=2))
    assert np.array_equal(image.pixels, samples)


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "YCbCr", "HSV", "I", "F", "I;16"])
def test_a_mode_that_is_not_in_the_table_is_refused_with_those_that_are(mode):
    with pytest.raises(UnsupportedPixelMode, match=f"mode {mode}") as caught:
        check_mode(mode)
    assert caught.value.actual == mode
    assert "RGBA" in caught.value.limit.split(", ")


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_cmyk_is_refused_and_not_converted_without_its_profile(make_file, image_format):
    image = Image.new("CMYK", (20, 20), (10, 200, 30, 0))
    with pytest.raises(UnsupportedPixelMode) as caught:
        decode(make_file(image_format, image=image), ImageLimits())
    assert caught.value.actual == "CMYK"


def test_a_constant_alpha_stays_constant_when_it_grows():
    pixels = np.zeros((30, 30, 3), np.uint8)
    alpha = np.full((10, 10), 99, np.uint8)
    image = join_planes(Planes(pixels=pixels, alpha=alpha, gray=False))
    assert (np.asarray(image)[..., 3] == 99).all()
