import numpy as np
import pytest

from hiir.degradations.depth import draw_layers, draw_relief, smooth_field
from hiir.degradations.raindrops import add_raindrops
from hiir.degradations.weather import add_fog, add_rain, add_snow


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_fog_follows_transmission() -> None:
    image = np.full((1, 3, 3), 0.2, np.float32)
    depth = np.array([[0.0, 1.0, 50.0]], np.float32)
    veiled = add_fog(image, depth, density=0.7, airlight=np.full(3, 0.9, np.float32))
    expected = 0.2 * np.exp(-0.7) + 0.9 * (1 - np.exp(-0.7))
    np.testing.assert_allclose(veiled[0, :, 0], [0.2, expected, 0.9], atol=1e-6)


def test_a_clear_dry_day_changes_nothing(photo) -> None:
    np.testing.assert_allclose(add_rain(photo, rng(), amount=0, length=20, fog=0), photo, atol=1e-6)
    np.testing.assert_allclose(add_snow(photo, rng(), amount=0, size=10), photo, atol=1e-6)
    np.testing.assert_allclose(add_raindrops(photo, rng(), amount=0, size=20), photo, atol=1e-6)


def test_rain_only_brightens_the_dark_and_hangs_in_lines() -> None:
    dark = np.full((128, 128, 3), 0.1, np.float32)
    wet = add_rain(dark, rng(), amount=1, length=40, fog=0)[..., 0]
    assert wet.min() >= 0.1 - 1e-6
    assert wet.max() > 0.3
    down, right = (np.abs(np.diff(wet, axis=axis)).mean() for axis in (0, 1))
    assert right > 2 * down


@pytest.mark.parametrize(
    "fall",
    [
        lambda image, amount: add_rain(image, rng(1), amount=amount, length=30, fog=amount),
        lambda image, amount: add_snow(image, rng(1), amount=amount, size=14),
        lambda image, amount: add_raindrops(image, rng(1), amount=amount, size=30),
    ],
)
def test_more_is_worse_and_the_range_is_kept(photo, fall) -> None:
    errors = []
    for amount in (0.1, 0.3, 0.9):
        degraded = fall(photo, amount)
        assert degraded.shape == photo.shape
        assert degraded.dtype == np.float32
        assert degraded.min() >= 0
        assert degraded.max() <= 1
        errors.append(float(np.mean((degraded - photo) ** 2)))
    assert errors == sorted(errors)


def test_a_drop_shows_the_scene_upside_down() -> None:
    image = np.zeros((120, 120, 3), np.float32)
    image[60:] = 1  # bright below
    wet = np.mean(
        [add_raindrops(image, rng(s), amount=0.3, size=60, softness=1) for s in range(12)], axis=0
    )
    # Above the horizon drops show some of the bright ground, below it some of the dark sky.
    assert wet[40:58].mean() > 0.03
    assert wet[62:80].mean() < 0.97


def test_random_scenes_stay_in_range_and_differ() -> None:
    for draw in (
        lambda random: smooth_field((40, 50), random, cells=4),
        lambda random: draw_relief((40, 50), random),
        lambda random: draw_layers((40, 50), random, objects=3),
    ):
        first, other = draw(rng(0)), draw(rng(1))
        assert first.shape == (40, 50)
        assert first.min() >= 0
        assert first.max() <= 1
        assert not np.array_equal(first, other)


def test_a_smooth_field_is_smooth() -> None:
    field = smooth_field((200, 200), rng(), cells=4)
    assert np.abs(np.diff(field, axis=0)).max() < 0.05
    assert (field.min(), field.max()) == (0, 1)
