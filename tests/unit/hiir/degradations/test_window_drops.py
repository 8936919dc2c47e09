import numpy as np
import pytest

from hiir.degradations.recipe import Recipe
from hiir.degradations.window_drops import add_window_drops, draw_drop_shape
from hiir.imaging import FloatPixels


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def drops(image: FloatPixels, seed: int = 0, **values: object) -> FloatPixels:
    plain = {
        "count": 30,
        "radius": (4.0, 10.0),
        "defocus": 0.0,
        "opacity": 1.0,
        "dimming": 0.0,
    }
    return add_window_drops(image, rng(seed), **{**plain, **values})


def test_a_dry_window_shows_the_scene(photo) -> None:
    np.testing.assert_array_equal(drops(photo, count=0), photo)
    np.testing.assert_allclose(drops(photo, opacity=0.0), photo, atol=1e-6)


def test_beside_the_drops_the_scene_is_as_it_was(photo) -> None:
    wet = drops(photo, count=6)
    touched = np.abs(wet - photo).max(axis=2) > 1e-6
    assert 0.02 < touched.mean() < 0.5


@pytest.mark.parametrize("radius", [3.0, 12.0])
def test_a_drop_has_about_its_area_and_some_have_run_together(radius: float) -> None:
    areas = np.array([draw_drop_shape(radius, rng(s)).sum() for s in range(200)])
    round_one = np.pi * radius**2
    assert 0.9 * round_one < np.quantile(areas, 0.2) < 1.5 * round_one
    assert np.mean(areas > 1.7 * round_one) > 0.15
    shape = draw_drop_shape(radius, rng())
    assert shape.shape[0] % 2 == 1
    assert shape[0].max() == shape[:, 0].max() == 0
    assert shape.max() == 1


def test_a_drop_shows_the_scene_upside_down() -> None:
    image = np.zeros((160, 160, 3), np.float32)
    image[80:, :, 0] = 1  # a red ground below a black sky
    above, below = [], []
    for seed in range(40):
        wet = drops(image, seed, count=1, radius=(16.0, 16.0))
        rows, columns = np.nonzero(np.abs(wet - image).max(axis=2) > 0.02)
        redness = (wet[..., 0] - wet[..., 2])[rows, columns]
        if len(rows) > 400:
            above.append(redness[rows < np.median(rows) - 4].mean())
            below.append(redness[rows > np.median(rows) + 4].mean())
    assert np.mean(above) > 3 * np.mean(below) > 0


def test_out_of_focus_small_drops_are_fainter_and_outlines_are_soft(photo) -> None:
    flat = np.full((160, 160, 1), 0.1, np.float32)
    sharp, soft = (drops(flat, radius=(3.0, 3.0), defocus=d) - flat for d in (0.0, 6.0))
    assert soft.max() < 0.7 * sharp.max()
    assert np.abs(np.diff(soft, axis=1)).max() < 0.3 * np.abs(np.diff(sharp, axis=1)).max()
    assert soft.sum() == pytest.approx(sharp.sum(), rel=0.15)


def test_thin_water_lets_the_scene_through_and_thick_water_takes_light(photo) -> None:
    full, thin = (np.abs(drops(photo, opacity=o) - photo).mean() for o in (1.0, 0.4))
    assert thin == pytest.approx(0.4 * full, rel=0.02)
    assert drops(photo, dimming=0.3).mean() < drops(photo).mean()


def test_the_number_of_drops_grows_with_the_picture(photo) -> None:
    recipe = Recipe.model_validate(
        [{"kind": "window-drops", "density": 8, "radius": 3, "defocus": 0}]
    )

    def touched(image: FloatPixels) -> float:
        shares = [
            np.mean(np.abs(recipe.degrade(image, seed=0, index=i) - image).max(axis=2) > 0.01)
            for i in range(40)
        ]
        return float(np.mean(shares))

    large = np.tile(photo, (3, 3, 1))
    assert touched(large) == pytest.approx(touched(photo), rel=0.25)
    assert touched(large) > 0.01
