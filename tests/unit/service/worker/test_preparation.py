import numpy as np
import pytest

from service.worker.preparation import StackedViews


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
