from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest

from hiir.imaging import Region
from service.jobs.planned_step import Step, plan_steps
from service.worker.preparation import (
    PlacedRows,
    StackedViews,
    input_of_step,
    prepare_photo,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_two_views_are_the_channels_of_one_image(dtype):
    left, right = (
        np.random.default_rng(seed).integers(0, 255, (20, 30, 3), dtype) for seed in range(2)
    )
    views = StackedViews(left, right)
    assert (views.shape, views.dtype) == ((20, 30, 6), dtype)
    rows = views[4:9]
    np.testing.assert_array_equal(rows[..., :3], left[4:9])
    np.testing.assert_array_equal(rows[..., 3:], right[4:9])


def test_gray_views_are_three_equal_channels_each():
    left, right = (np.full((20, 30, 1), level, np.uint8) for level in (7, 9))
    rows = StackedViews(left, right)[0:2]
    assert rows.shape == (2, 30, 6)
    assert (rows == [7, 7, 7, 9, 9, 9]).all()


@pytest.mark.parametrize(
    ("given", "level"), [({}, 20), ({"noise_level": "auto"}, 20), ({"noise_level": "37.5"}, 37.5)]
)
def test_a_model_is_told_the_level_that_was_given_or_is_estimated(make_contract, given, level):
    noise = np.random.default_rng(0).normal(128, 20, (128, 128, 1))
    pixels = noise.clip(0, 255).astype(np.uint8)
    image = SimpleNamespace(pixels=pixels, close=lambda: None)
    codec = SimpleNamespace(decode=lambda *_: image)
    job = SimpleNamespace(options=None, source=SimpleNamespace(right_from=None))
    contract = make_contract(input_channels=4, noise_level=True)
    with ExitStack() as files:
        photo = prepare_photo(None, job, contract=contract, codec=codec, limits=None, files=files)
    step = Step.of("denoise", given, contract)
    (planned,) = plan_steps((128, 128, 1), [step], [contract], any_size=[False], region=None)
    image = input_of_step(planned, photo.rows, known=None)
    rows = image[10:12]
    assert (image.shape, rows.shape) == ((128, 128, 4), (2, 128, 4))
    np.testing.assert_allclose(rows[..., :3], pixels[10:12].repeat(3, axis=2) / 255, atol=1e-6)
    assert rows[0, 0, 3] * 255 == pytest.approx(level, rel=0.1)


def test_the_known_part_of_an_image_lies_where_it_belongs():
    part = np.random.default_rng(1).integers(1, 255, (10, 12, 3), np.uint8)
    rows = PlacedRows(part, Region(left=5, top=20, width=12, height=10), height=40, width=30)
    whole = np.zeros((40, 30, 3), np.uint8)
    whole[20:30, 5:17] = part
    assert (rows.shape, rows.dtype) == ((40, 30, 3), np.uint8)
    for top, bottom in ((0, 40), (0, 5), (15, 25), (22, 24), (28, 60), (35, 40)):
        np.testing.assert_array_equal(rows[top:bottom], whole[top:bottom])
