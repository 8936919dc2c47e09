import dataclasses

import pytest

from hiir.imaging import (
    ImageFormat,
    ImageHeader,
    ImageLimits,
    ImageTooLarge,
    ImageTooSmall,
    TooManyFrames,
    UnsupportedPixelMode,
    check_header,
)

HEADER = ImageHeader(
    format=ImageFormat.PNG, width=100, height=50, frames=1, mode="RGB", bit_depth=8
)
TIGHT = ImageLimits(max_pixels=5000, max_side=100, min_side=50, max_frames=1)


def header(**changes):
    return dataclasses.replace(HEADER, **changes)


def test_every_bound_is_inclusive():
    check_header(HEADER, TIGHT)


@pytest.mark.parametrize(
    ("limits", "error", "limit", "actual"),
    [
        (dataclasses.replace(TIGHT, max_pixels=4999), ImageTooLarge, 4999, 5000),
        (dataclasses.replace(TIGHT, max_side=99), ImageTooLarge, 99, 100),
        (dataclasses.replace(TIGHT, min_side=51), ImageTooSmall, 51, 50),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_one_step_beyond_a_bound_is_refused_with_both_sides(limits, error, limit, actual, turned):
    image = header(width=50, height=100) if turned else HEADER
    with pytest.raises(error) as caught:
        check_header(image, limits)
    assert (caught.value.limit, caught.value.actual) == (limit, actual)
    assert str(limit) in caught.value.detail
    assert str(actual) in caught.value.detail


def test_a_second_frame_is_refused():
    with pytest.raises(TooManyFrames) as caught:
        check_header(header(frames=2), TIGHT)
    assert (caught.value.limit, caught.value.actual) == (1, 2)


def test_a_chosen_frame_may_be_one_of_many():
    check_header(header(frames=9), dataclasses.replace(TIGHT, max_pixels=15_000), frame=2)


def test_the_frames_before_a_chosen_one_count_but_not_the_pages_of_a_tiff():
    with pytest.raises(ImageTooLarge) as caught:
        check_header(header(frames=9), TIGHT, frame=2)
    assert (caught.value.limit, caught.value.actual) == (5000, 15_000)
    check_header(header(frames=9, format=ImageFormat.TIFF), TIGHT, frame=2)


@pytest.mark.parametrize("bit_depth", [9, 10, 12, 32])
def test_a_depth_between_eight_and_sixteen_bits_or_above_is_refused(bit_depth):
    with pytest.raises(UnsupportedPixelMode) as caught:
        check_header(header(bit_depth=bit_depth), TIGHT)
    assert (caught.value.limit, caught.value.actual) == ("8, 16", bit_depth)


def test_sixteen_bits_are_taken_where_they_can_be_read():
    check_header(header(bit_depth=16), TIGHT)
    check_header(header(bit_depth=16, format=ImageFormat.TIFF, mode="I;16B"), TIGHT)
    with pytest.raises(UnsupportedPixelMode):
        check_header(header(bit_depth=16, format=ImageFormat.AVIF), TIGHT)


def test_an_unknown_mode_is_refused():
    with pytest.raises(UnsupportedPixelMode) as caught:
        check_header(header(mode="LAB"), TIGHT)
    assert caught.value.actual == "LAB"


@pytest.mark.parametrize(("bit_depth", "sample_bytes"), [(8, 4), (16, 8)])
def test_memory_is_counted_before_it_is_taken(bit_depth, sample_bytes):
    needed = 5000 * sample_bytes
    image = header(bit_depth=bit_depth)
    check_header(image, dataclasses.replace(TIGHT, max_codec_bytes=needed))
    with pytest.raises(ImageTooLarge, match="memory") as caught:
        check_header(image, dataclasses.replace(TIGHT, max_codec_bytes=needed - 1))
    assert (caught.value.limit, caught.value.actual) == (needed - 1, needed)


def test_the_default_limits_take_a_fifty_megapixel_photo_and_no_more():
    check_header(header(width=8000, height=6250), ImageLimits())
    with pytest.raises(ImageTooLarge):
        check_header(header(width=8001, height=6250), ImageLimits())
