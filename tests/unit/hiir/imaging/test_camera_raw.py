"""Camera raw files become the mosaics that they hold."""

import io

import numpy as np
import pytest

from hiir.imaging import (
    BayerPattern,
    ImageCorrupt,
    ImageLimits,
    ImageTooLarge,
    UnsupportedImageFormat,
    UnsupportedPixelMode,
)
from hiir.imaging.camera_raw import Development, read_camera_raw
from tests.camera_raw import BLACK, WHITE, curve, dng

SRGB_OF_LIGHT = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]


def sensor(height=48, width=64, seed=0):
    return np.random.default_rng(seed).integers(BLACK, WHITE, (height, width), np.uint16)


def read(file, **limits):
    return read_camera_raw(file, ImageLimits(**limits))


@pytest.mark.parametrize("pattern", BayerPattern)
def test_pattern_and_black_level_are_the_files_own(pattern):
    values = sensor()
    raw = read(dng(values, pattern=pattern.value))
    assert (raw.pattern, raw.samples.shape, raw.samples.dtype) == (pattern, (48, 64, 1), np.uint16)
    light = (values.astype(np.float64) - BLACK) / (WHITE - BLACK)
    np.testing.assert_allclose(raw.samples[..., 0] / 65535, curve(light), atol=2 / 65535)


def test_white_balance_makes_gray_of_what_the_camera_saw_as_gray():
    neutral = (0.5, 1.0, 0.8)
    values = np.empty((48, 64), np.uint16)
    for place, color in enumerate("rggb"):
        row, column = divmod(place, 2)
        level = 0.3 * neutral["rgb".index(color)] * (WHITE - BLACK) + BLACK
        values[row::2, column::2] = round(level)
    gray = read(dng(values, neutral=neutral)).samples
    assert np.ptp(gray.astype(int)) < 65535 * 0.002
    assert gray.mean() / 65535 == pytest.approx(curve(0.3), abs=0.002)


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
@pytest.mark.parametrize("size", [(48, 64), (49, 64), (48, 65), (49, 65)])
def test_mosaic_is_turned_upright_with_its_pattern(orientation, turns, size):
    values = sensor(*size)
    plain = read(dng(values, pattern="grbg"))
    turned = read(dng(values, pattern="grbg", orientation=orientation))
    np.testing.assert_array_equal(turned.samples, np.rot90(plain.samples, turns))
    # The color of each pixel has turned with it.
    letters = np.tile(np.array([["g", "r"], ["b", "g"]]), (25, 33))[: size[0], : size[1]]
    assert "".join(np.rot90(letters, turns)[:2, :2].flat) == turned.pattern.value


def test_development_leaves_alone_a_sensor_that_sees_as_srgb():
    raw = read(dng(sensor()))
    np.testing.assert_allclose(raw.development.matrix, SRGB_OF_LIGHT, atol=0.002)
    pixels = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), np.uint16)
    unchanged = Development(matrix=((1, 0, 0), (0, 1, 0), (0, 0, 1))).apply(pixels)
    assert np.abs(unchanged.astype(int) - pixels).max() <= 1


def test_development_keeps_gray_gray_and_mixes_light_and_not_levels():
    mixing = Development(matrix=((1.5, -0.5, 0.0), (0.0, 1.0, 0.0), (0.0, -0.25, 1.25)))
    gray = np.repeat(np.arange(0, 65536, 255, np.uint16)[np.newaxis, :, np.newaxis], 3, axis=2)
    assert np.abs(mixing.apply(gray).astype(int) - gray).max() <= 1
    color = (65535 * curve(np.array([[[0.4, 0.2, 0.3]]]))).round().astype(np.uint16)
    wanted = 65535 * curve(np.array([0.5, 0.2, 0.325]))
    np.testing.assert_allclose(mixing.apply(color)[0, 0], wanted, atol=3)


def test_more_pixels_than_allowed_are_refused_with_their_number():
    with pytest.raises(ImageTooLarge) as caught:
        read(dng(sensor()), max_pixels=1000, min_side=2)
    assert (caught.value.limit, caught.value.actual) == (1000, 48 * 64)


@pytest.mark.parametrize("content", [b"", b"no image", b"II*\0" + bytes(200)])
def test_what_is_no_camera_raw_file_is_refused(content):
    with pytest.raises(UnsupportedImageFormat):
        read(io.BytesIO(content))


def test_file_without_its_end_is_no_photo():
    whole = dng(sensor()).getvalue()
    with pytest.raises((ImageCorrupt, UnsupportedImageFormat)):
        read(io.BytesIO(whole[: len(whole) // 2]))


def test_sensor_of_other_colors_is_refused():
    with pytest.raises((UnsupportedPixelMode, UnsupportedImageFormat)):
        read(dng(sensor(), pattern="rgbg"))
