import numpy as np
import pytest

from hiir.degradations.camera import (
    Sensor,
    draw_development,
    draw_sensor_noise,
    expose,
    linear_from_file,
)
from hiir.degradations.camera_processing import smooth_noise
from hiir.degradations.noise import noise_level
from hiir.degradations.recipe import Recipe
from hiir.imaging import BayerPattern


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def camera(**values: object) -> Recipe:
    plain = {"smoothed_share": 0, "sharpened_share": 0}
    return Recipe.model_validate([{"kind": "camera", **plain, **values}])


def test_a_photo_that_is_taken_back_to_the_sensor_is_developed_into_itself(photo) -> None:
    dull = 0.1 + 0.6 * photo  # neither clipped highlights nor colors outside of the sensor's
    for seed in range(5):
        development = draw_development(rng(seed))
        again = development.apply(linear_from_file(dull, development))
        assert np.quantile(np.abs(again - dull), 0.99) < 1e-3


def test_white_saturates_the_sensor_whatever_the_gains() -> None:
    white = np.ones((4, 4, 3), np.float32)
    for seed in range(5):
        development = draw_development(rng(seed))
        np.testing.assert_allclose(linear_from_file(white, development), 1, atol=1e-5)


def test_a_color_matrix_keeps_grays_gray() -> None:
    development = draw_development(rng())
    np.testing.assert_allclose(development.to_camera.sum(axis=1), 1, atol=1e-6)
    gray = np.full((2, 2, 3), 0.4, np.float32)
    linear = linear_from_file(gray, development) * development.gains
    np.testing.assert_allclose(linear, linear[..., :1].repeat(3, axis=2), rtol=1e-4)


def test_gains_and_noise_levels_lie_where_they_were_published() -> None:
    drawn = [draw_development(rng(seed)).gains for seed in range(200)]
    red, blue = (np.array([g[i] / g[1] for g in drawn]) for i in (0, 2))
    np.testing.assert_allclose([red.min(), red.max()], [1.9, 2.4], atol=0.03)
    np.testing.assert_allclose([blue.min(), blue.max()], [1.5, 1.9], atol=0.03)
    assert np.mean([g[1] for g in drawn]) == pytest.approx(1.27, abs=0.04)


@pytest.mark.parametrize(
    ("sensor", "slope", "offset", "deviation"),
    [
        (Sensor.CAMERA, 2.18, 1.20, 0.26),
        # The line of phones was published in decimal logarithms.
        (Sensor.PHONE, 1.85, 0.30 * np.log(10), 0.20 * np.log(10)),
    ],
)
def test_read_noise_follows_shot_noise(sensor, slope, offset, deviation) -> None:
    random = rng()
    shot, read = np.log([draw_sensor_noise(random, sensor) for _ in range(4000)]).T
    low, high = np.log(sensor.shot_range)
    assert low <= shot.min() < low + 0.1
    assert high - 0.1 < shot.max() <= high
    assert np.mean(shot) == pytest.approx((low + high) / 2, abs=0.06)
    rest = read - (slope * shot + offset)
    assert np.mean(rest) == pytest.approx(0, abs=0.03)
    assert np.std(rest) == pytest.approx(deviation, rel=0.05)


@pytest.mark.parametrize("level", [0.05, 0.2, 0.6])
def test_variance_on_the_sensor_is_shot_noise_times_light_plus_read_noise(level: float) -> None:
    development = draw_development(rng())
    # A sensor that is developed by nothing: what comes out is the mosaic, but for gamma and tone.
    plain = type(development)(to_camera=np.eye(3, dtype=np.float32), gains=np.ones(3, np.float32))
    linear = np.full((300, 300, 3), level, np.float32)
    developed = expose(linear, plain, BayerPattern.RGGB, rng(), noise=(1e-3, 1e-4))
    back = linear_from_file(developed, plain)
    for channel, place in ((0, np.s_[::2, ::2]), (1, np.s_[::2, 1::2]), (2, np.s_[1::2, 1::2])):
        measured = back[place][..., channel].var()
        assert measured == pytest.approx(1e-3 * level + 1e-4, rel=0.03)


def test_demosaicking_correlates_the_noise_of_neighbors_and_of_no_camera_is_white() -> None:
    gray = np.full((256, 256, 3), 0.5, np.float32)
    noisy = camera(shot=0.002).degrade(gray, seed=0, index=0) - gray

    def correlation(noise: np.ndarray) -> float:
        return float(np.mean(noise[:, 1:] * noise[:, :-1]) / np.mean(noise**2))

    white = Recipe.model_validate([{"kind": "noise", "sigma": 20}]).degrade(gray, seed=0, index=0)
    # Red and blue, of which a quarter of the pixels is known.
    assert correlation(noisy[..., 0]) > 0.25
    assert correlation(noisy[..., 2]) > 0.25
    assert abs(correlation((white - gray)[..., 0])) < 0.02


def test_more_light_on_the_sensor_is_more_noise_there_and_more_shot_noise_is_more_at_the_end(
    photo,
) -> None:
    levels = [
        noise_level(camera(shot=shot).degrade(photo, seed=0, index=0), photo)
        for shot in (1e-4, 1e-3, 1e-2)
    ]
    assert 0.5 < levels[0] < 4
    assert levels == sorted(levels)
    assert levels[2] > 4 * levels[0]


def test_without_demosaicking_errors_the_photo_keeps_its_detail(photo) -> None:
    quiet = {"shot": 1e-6}
    kept, lost = (
        np.mean(
            [
                noise_level(
                    camera(demosaicked_share=s, **quiet).degrade(photo, seed=0, index=i), photo
                )
                for i in range(6)
            ]
        )
        for s in (0, 1)
    )
    assert kept < 1
    assert lost > 3 * kept


def test_the_mean_color_of_a_flat_photo_stays(photo) -> None:
    for level in (0.25, 0.5, 0.95):
        flat = np.full((128, 128, 3), level, np.float32)
        for index in range(4):
            noisy = camera(shot=1e-3).degrade(flat, seed=0, index=index)
            np.testing.assert_allclose(noisy.mean(axis=(0, 1)), level, atol=0.01)


def test_the_result_is_what_an_8_bit_file_holds_gray_stays_gray(photo) -> None:
    for image in (photo, photo[..., :1]):
        noisy = camera().degrade(image, seed=0, index=0)
        assert noisy.shape == image.shape
        np.testing.assert_allclose(noisy * 255, np.rint(noisy * 255), atol=1e-4)
        assert 0 <= noisy.min() <= noisy.max() <= 1
        assert noise_level(noisy, image) > 0.5


def test_a_camera_that_smooths_leaves_less_noise_above_all_of_color() -> None:
    gray = np.full((128, 128, 3), 0.5, np.float32)

    def spread(recipe: Recipe) -> tuple[float, float]:
        noise = [recipe.degrade(gray, seed=0, index=i) - gray for i in range(8)]
        luma = [n.mean(axis=2).std() for n in noise]
        color = [(n[..., 0] - n[..., 1]).std() for n in noise]
        return float(np.mean(luma)), float(np.mean(color))

    plain, smooth = spread(camera(shot=2e-3)), spread(camera(shot=2e-3, smoothed_share=1))
    sharp = spread(camera(shot=2e-3, sharpened_share=1))
    assert smooth[0] < 0.9 * plain[0]
    assert smooth[1] < 0.6 * plain[1]
    assert sharp[0] > 1.1 * plain[0]


def test_what_a_camera_leaves_of_noise_is_coarse_and_edges_stay() -> None:
    gray = np.full((128, 128, 1), 0.5, np.float32)
    gray[:, 64:] = 0.9
    noise = rng().normal(0, 5 / 255, gray.shape).astype(np.float32)
    smooth = smooth_noise(gray + noise, sigma=15, strength=1, radius=1)
    left = (smooth - gray)[:, 8:56]
    assert left.std() < 0.5 * noise.std()
    assert np.mean(left[:, 1:] * left[:, :-1]) > 0.5 * left.var()
    assert smooth[:, 64].mean() - smooth[:, 63].mean() > 0.35
