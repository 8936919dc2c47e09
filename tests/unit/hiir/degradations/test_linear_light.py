import numpy as np
import pytest

from hiir.degradations.linear_light import light_from_values, values_from_light
from hiir.degradations.recipe import Recipe


def test_light_and_values_are_inverse_to_each_other(photo) -> None:
    for highlights in (1, 8):
        light = light_from_values(photo, gamma=2.2, highlights=highlights)
        dark = photo.max(axis=2) < 0.9
        again = values_from_light(light, gamma=2.2)
        np.testing.assert_allclose(again[dark], photo[dark], atol=1e-5)


def test_saturated_pixels_are_as_bright_as_is_said_and_keep_their_color() -> None:
    row = np.array([[[1, 1, 1], [1, 0.5, 0], [0.9, 0.9, 0.9], [0.95, 0.95, 0.95]]], np.float32)
    light = light_from_values(row, gamma=1, highlights=9)[0]
    np.testing.assert_allclose(light[0], 9, rtol=1e-5)
    np.testing.assert_allclose(light[1], [9, 4.5, 0], rtol=1e-5)
    np.testing.assert_allclose(light[2], 0.9, rtol=1e-4)
    np.testing.assert_allclose(light[3], 0.95 * 3, rtol=1e-3)


@pytest.mark.parametrize(
    "step", [{"kind": "motion", "length": 16, "jitter": 0}, {"kind": "defocus", "radius": 6}]
)
def test_a_bright_light_draws_a_streak_or_a_disk_that_is_clipped(step) -> None:
    night = np.full((64, 64, 3), 0.05, np.float32)
    night[30:33, 30:33] = 1
    plain, lit = (
        np.stack(
            [
                Recipe.model_validate([{**step, "highlights": h}]).degrade(night, seed=0, index=i)
                for i in range(6)
            ]
        )
        for h in (1, 20)
    )
    assert (lit > 0.9).sum() > 1.5 * (plain > 0.9).sum()
    assert lit.max() <= 1
    assert lit.sum() > 1.05 * plain.sum()
