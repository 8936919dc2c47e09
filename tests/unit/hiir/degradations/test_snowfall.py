import numpy as np
import pytest

from hiir.degradations.recipe import Recipe
from hiir.degradations.snowfall import add_snowfall
from hiir.imaging import FloatPixels

DARK = np.full((160, 160, 3), 0.1, np.float32)


def snow(image: FloatPixels = DARK, seed: int = 0, **values: object) -> FloatPixels:
    plain = {
        "amount": 0.7,
        "size": (1.5, 16.0),
        "layers": 5,
        "depth": np.ones(image.shape[:2], np.float32),
        "density": 0.0,
        "brightness": 0.9,
    }
    return add_snowfall(image, np.random.default_rng(seed), **{**plain, **values})


def test_flakes_are_as_bright_as_they_are_lit_and_never_darken_the_dark() -> None:
    for brightness in (0.4, 0.9):
        snowy = snow(brightness=brightness)
        assert snowy.min() >= 0.1 - 1e-5
        assert 0.7 * brightness < snowy.max() < brightness + 0.05


def test_more_snow_covers_more() -> None:
    covered = [np.mean(snow(amount=a) > 0.15) for a in (0, 0.2, 0.5, 1)]
    assert covered[0] == 0
    assert covered == sorted(covered)
    assert covered[3] > 2 * covered[1]


def test_large_blobs_let_the_scene_through_and_small_flakes_do_not() -> None:
    wide = np.full((512, 512, 1), 0.1, np.float32)

    def brightest(size: float) -> float:
        drawn = [
            snow(wide, seed=s, size=(size, size), layers=1, amount=1, brightness=1.0).max()
            for s in range(12)
        ]
        return float(np.mean(drawn))

    assert brightest(24) < 0.9 * brightest(3)


def test_large_flakes_are_fewer() -> None:
    small, large = (
        np.mean([np.mean(snow(seed=s, size=(d, d), layers=1) - 0.1) for s in range(12)])
        for d in (4, 16)
    )
    assert 0.4 * small < large < 2.5 * small


def test_sizes_are_those_that_are_asked_for() -> None:
    def grain(size: float) -> float:
        """Distance over which the light of flakes stays alike, in pixels."""
        flakes = snow(size=(size, size), layers=1, amount=0.5)[..., 0] - 0.1
        return float(flakes.var() / np.mean(np.diff(flakes, axis=1) ** 2))

    assert grain(3) < grain(8) < grain(20)


def test_the_veil_thickens_with_depth() -> None:
    veiled = snow(amount=0, density=0.5)
    assert veiled.mean() == pytest.approx(0.1 * np.exp(-0.5) + 0.9 * (1 - np.exp(-0.5)), abs=0.02)


def test_snow_is_lit_as_the_scene_is() -> None:
    recipe = Recipe.model_validate([{"kind": "snowfall", "amount": 1, "density": 0}])
    day = np.full_like(DARK, 0.1)
    day[:40] = 1
    night, sunny = (
        np.mean([recipe.degrade(image, seed=0, index=i)[60:].max() for i in range(6)])
        for image in (DARK, day)
    )
    assert night < 0.6
    assert sunny > 0.8
