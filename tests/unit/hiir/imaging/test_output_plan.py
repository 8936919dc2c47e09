"""What a format cannot hold is known before any work is done."""

from dataclasses import replace

import pytest

from hiir.imaging import (
    ImageFormat,
    ImageLimits,
    ImageTooLarge,
    PhotoOptions,
    decode,
    plan_photo,
)

SIDES = {
    ImageFormat.AVIF: 32_768,
    ImageFormat.HEIC: 16_384,
    ImageFormat.JPEG: 65_500,
    ImageFormat.WEBP: 16_383,
}


@pytest.fixture
def photo(make_file):
    return decode(make_file("PNG"), ImageLimits()).info


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("target", SIDES)
def test_a_side_beyond_the_format_is_refused_with_limit_and_actual(photo, target, scale):
    options, limit = PhotoOptions(format=target), SIDES[target]
    for shape in ((16, limit // scale + 1, 3), (limit // scale + 1, 16, 3)):
        with pytest.raises(ImageTooLarge, match=target.name) as caught:
            plan_photo(replace(photo, shape=shape), options, scale=scale)
        assert (caught.value.limit, caught.value.actual) == (limit, scale * max(shape))
    fitting = replace(photo, shape=(16, limit // scale, 3))
    assert plan_photo(fitting, options, scale=scale).format is target


@pytest.mark.parametrize("target", [ImageFormat.BMP, ImageFormat.TIFF])
def test_more_bytes_than_the_offsets_of_a_format_reach_are_refused(photo, target):
    options = PhotoOptions(format=target)
    large = replace(photo, shape=(20_000, 20_000, 3))
    assert plan_photo(large, options).format is target
    with pytest.raises(ImageTooLarge, match="bytes") as caught:
        plan_photo(large, options, scale=2)
    assert caught.value.actual == 40_000 * 40_000 * 3


@pytest.mark.parametrize("target", [ImageFormat.PNG])
def test_png_holds_every_size(photo, target):
    large = replace(photo, shape=(16, 1_000_000, 3))
    assert plan_photo(large, PhotoOptions(format=target), scale=4).format is target
