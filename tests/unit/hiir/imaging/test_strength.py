from concurrent.futures import Future

import numpy as np
import pytest
from PIL import Image

from hiir.imaging import ModelOutputInvalid
from tests.unit.hiir.imaging.restoring import restore


class Engine:
    any_size = True

    def __init__(self, answer):
        self.answer = answer

    def submit(self, tile):
        future = Future()
        future.set_result(self.answer(tile))
        return future


def restore_with(image, contract, strength, answer, *, any_size=True):
    engine = Engine(answer)
    engine.any_size = any_size
    return restore(image, contract, engine, strength=strength)


def darker(tile):
    return tile[:, :3] * np.float32(0.5)


def black_of_twice_the_size(tile):
    # Not quite: a model that gives a constant is refused.
    result = np.zeros((1, 3, *(2 * side for side in tile.shape[2:])), np.float32)
    result[..., 0, 0] = 1e-3
    return result


def psnr(one, other):
    error = np.mean(np.square(one.astype(float) - other.astype(float)))
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_at_strength_0_it_is_the_input_bit_for_bit(make_contract, make_pixels, dtype):
    image = make_pixels(70, 50).astype(dtype) * dtype(257 if dtype is np.uint16 else 1)
    assert np.array_equal(restore_with(image, make_contract(), 0, darker), image)


def test_at_strength_1_it_is_what_the_model_gives(make_contract, make_pixels):
    image = make_pixels(70, 50)
    assert np.abs(restore_with(image, make_contract(), 1, darker) - image / 2).max() <= 0.5


def test_at_one_half_it_lies_between_input_and_result(make_contract, make_pixels):
    image = make_pixels(70, 50)
    result, half = (restore_with(image, make_contract(), share, darker) for share in (1, 0.5))
    assert np.abs(half - 0.75 * image).max() <= 0.5
    assert psnr(half, image) > psnr(result, image)
    assert psnr(half, result) > psnr(image, result)


@pytest.mark.parametrize("any_size", [True, False])
@pytest.mark.parametrize("size", [(20, 30), (61, 75)])
def test_an_enlarging_model_is_blended_with_bicubic_interpolation(
    make_contract, make_pixels, any_size, size
):
    """Of the whole image: neither seams between tiles nor their padding show."""
    image = make_pixels(*size)
    restored = restore_with(
        image,
        make_contract(scale=2, overlap=8),
        0,
        black_of_twice_the_size,
        any_size=any_size,
    )
    planes = [
        Image.fromarray(image[..., channel].astype(np.float32)).resize(
            (2 * size[1], 2 * size[0]), Image.Resampling.BICUBIC
        )
        for channel in range(3)
    ]
    wanted = np.clip(np.stack([np.asarray(plane) for plane in planes], axis=2), 0, 255)
    assert np.abs(restored - wanted).max() < 0.51


def test_gray_that_is_repeated_for_a_color_model_comes_back(make_contract, make_pixels):
    gray = make_pixels(40, 40, 1)
    assert np.array_equal(restore_with(gray, make_contract(), 0, darker), gray.repeat(3, axis=2))


def test_two_views_are_blended_with_the_first(make_contract, make_pixels):
    views = np.concatenate([make_pixels(20, 30), make_pixels(20, 30, seed=8)], axis=2)
    contract = make_contract(input_channels=6)
    assert np.array_equal(restore_with(views, contract, 0, darker), views[..., :3])


@pytest.mark.parametrize(
    "broken", [lambda tile: tile[:, :1], lambda tile: 0 * tile, lambda tile: tile * np.nan]
)
def test_a_blend_does_not_hide_an_unusable_result(make_contract, make_pixels, broken):
    with pytest.raises(ModelOutputInvalid):
        restore_with(make_pixels(), make_contract(), 0.5, broken)


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_a_strength_outside_the_unit_interval_is_refused(make_contract, make_pixels, strength):
    with pytest.raises(ValueError, match="strength"):
        restore_with(make_pixels(), make_contract(), strength, darker)


def test_a_result_with_more_channels_than_the_input_cannot_be_blended(make_contract, make_pixels):
    contract = make_contract(input_channels=1, output_channels=3)
    with pytest.raises(ValueError, match="cannot be blended"):
        restore_with(make_pixels(channels=1), contract, 0.5, lambda tile: tile.repeat(3, axis=1))
