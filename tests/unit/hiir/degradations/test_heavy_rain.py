import numpy as np
import pytest

from hiir.degradations.heavy_rain import (
    RainLayer,
    add_heavy_rain,
    draw_depth,
    draw_rain_layers,
)
from hiir.degradations.recipe import Recipe
from hiir.imaging import FloatPixels


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def rain(image: FloatPixels, layers: tuple[RainLayer, ...] = (), **values: object) -> FloatPixels:
    plain = {
        "depth": np.ones(image.shape[:2], np.float32),
        "density": 0.0,
        "airlight": np.full(image.shape[2], 0.8, np.float32),
    }
    return add_heavy_rain(image, layers, rng(), **{**plain, **values})


def layer(**values: float) -> RainLayer:
    plain = {"length": 20.0, "width": 1.0, "angle": 0.0, "share": 0.2, "opacity": 0.8}
    return RainLayer(**{**plain, **values})


def test_the_veil_follows_transmission_by_depth() -> None:
    image = np.full((1, 3, 3), 0.2, np.float32)
    depth = np.array([[0.0, 1.0, 50.0]], np.float32)
    veiled = rain(image, depth=depth, density=0.7)
    expected = 0.2 * np.exp(-0.7) + 0.8 * (1 - np.exp(-0.7))
    np.testing.assert_allclose(veiled[0, :, 0], [0.2, expected, 0.8], atol=1e-5)


def test_streaks_behind_the_veil_are_fainter() -> None:
    dark = np.full((128, 128, 3), 0.1, np.float32)
    near, far = (rain(dark, (layer(),), density=d).std() for d in (0.0, 1.5))
    assert far == pytest.approx(near * np.exp(-1.5), rel=0.02)


def test_layers_pile_up() -> None:
    dark = np.full((128, 128, 3), 0.1, np.float32)
    one, three = rain(dark, (layer(),)), rain(dark, (layer(),) * 3)
    assert three.mean() - 0.1 > 2 * (one.mean() - 0.1) > 0.01
    np.testing.assert_allclose(rain(dark), 0.1, atol=1e-6)


@pytest.mark.parametrize("degrees", [-40, 0, 40])
def test_streaks_hang_at_their_angle(degrees: int) -> None:
    dark = np.full((200, 200, 1), 0.1, np.float32)
    wet = rain(dark, (layer(length=40, angle=np.radians(degrees), share=0.1),))[..., 0]
    down, right = (np.gradient(wet, axis=axis).ravel() for axis in (0, 1))
    # Across the streaks light changes most: the larger eigenvector of the structure tensor.
    _, vectors = np.linalg.eigh(np.cov(np.stack([down, right])))
    across = np.degrees(np.arctan2(vectors[0, 1], vectors[1, 1]))
    measured = (-across + 90) % 180 - 90
    assert measured == pytest.approx(degrees, abs=4)


def test_far_layers_are_finer_and_fainter_and_rain_falls_within_45_degrees() -> None:
    for seed in range(30):
        layers = draw_rain_layers(rng(seed), amount=0.8, length=60, width=2, layers=4)
        assert len(layers) == 4
        assert layers[0].length > layers[3].length
        assert layers[0].width > layers[3].width
        angles = np.degrees([found.angle for found in layers])
        assert np.abs(angles).max() < 58
        assert np.ptp(angles) < 25


def test_at_night_rain_is_seen_where_lights_are() -> None:
    night = np.full((128, 128, 3), 0.02, np.float32)
    night[48:80, 90:110] = 1
    wet = rain(night, (layer(share=0.4),), night=True) - night
    assert wet[40:88, 70:88].mean() > 3 * wet[:, :40].mean()


def test_default_rain_is_as_heavy_as_in_real_pairs(photo) -> None:
    recipe = Recipe.model_validate([{"kind": "heavy-rain"}])
    large = photo.repeat(2, axis=0).repeat(2, axis=1)
    errors = [np.mean((recipe.degrade(large, seed=0, index=i) - large) ** 2) for i in range(40)]
    psnr = -10 * np.log10(errors)
    assert 11 < np.median(psnr) < 20
    assert np.quantile(psnr, 0.9) > 17


def test_depth_is_smooth_in_some_scenes_and_broken_in_others() -> None:
    steps = [np.abs(np.diff(draw_depth((64, 64), rng(s)), axis=1)).max() for s in range(40)]
    assert 4 < sum(step > 0.15 for step in steps) < 25
