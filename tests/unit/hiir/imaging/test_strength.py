from concurrent.futures import Future

import numpy as np
import pytest

from hiir.imaging import BlendingEngine, ModelOutputInvalid, restore_tiled, restored_shape


class Engine:
    any_size = True

    def __init__(self, answer):
        self.answer = answer

    def submit(self, tile):
        future = Future()
        future.set_result(self.answer(tile))
        return future


def restore(image, contract, strength, answer):
    engine = BlendingEngine(Engine(answer), contract=contract, strength=strength)
    output = np.empty(restored_shape(image.shape, contract), image.dtype)
    restore_tiled(
        image=image,
        output=output,
        contract=contract,
        infer=engine,
        in_flight=2,
        on_progress=lambda done, total: None,
        should_stop=lambda: False,
    )
    return output


def darker(tile):
    return tile[:, :3] * np.float32(0.5)


def test_nothing_of_a_restoration_is_the_input_bit_for_bit(make_contract, make_pixels):
    image = make_pixels(70, 50)
    assert np.array_equal(restore(image, make_contract(), 0, darker), image)


def test_all_of_it_is_the_models_result(make_contract, make_pixels):
    image = make_pixels(70, 50)
    assert (
        np.array_equal(
            restore(image, make_contract(), 1, darker), np.rint(image / 2).astype(np.uint8)
        )
        or np.abs(restore(image, make_contract(), 1, darker) - image / 2).max() <= 0.5
    )


def test_half_of_it_lies_in_the_middle(make_contract, make_pixels):
    image = make_pixels(70, 50)
    restored = restore(image, make_contract(), 0.5, darker)
    assert np.abs(restored - 0.75 * image).max() <= 0.5


def test_an_enlarging_model_is_blended_with_bicubic_interpolation(make_contract):
    ramp = np.linspace(0, 65_535, 64).astype(np.uint16)
    image = np.broadcast_to(ramp[np.newaxis, :, np.newaxis], (64, 64, 3)).copy()
    contract = make_contract(scale=2)
    restored = restore(
        image, contract, 0, lambda tile: np.zeros((1, 3, *(2 * s for s in tile.shape[2:])), "f4")
    )
    inside = restored[8:-8, 8:-8, 0].astype(float)
    # Half a source pixel per pixel, without seams.
    assert np.abs(np.diff(inside, axis=1) - 65_535 / 63 / 2).max() < 3
    assert np.ptp(inside, axis=0).max() <= 1


def test_two_views_are_blended_with_the_first(make_contract, make_pixels):
    views = np.concatenate([make_pixels(20, 30), make_pixels(20, 30)], axis=2)
    contract = make_contract(input_channels=6)
    assert np.array_equal(restore(views, contract, 0, darker), views[..., :3])


def test_an_unusable_result_stays_unusable(make_contract, make_pixels):
    with pytest.raises(ModelOutputInvalid):
        restore(make_pixels(), make_contract(), 0.5, lambda tile: tile[:, :1])


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_a_strength_outside_the_unit_interval_is_refused(make_contract, strength):
    with pytest.raises(ValueError, match="strength"):
        BlendingEngine(Engine(darker), contract=make_contract(), strength=strength)
