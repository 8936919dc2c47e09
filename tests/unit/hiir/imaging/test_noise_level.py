import numpy as np
import pytest
from skimage.data import astronaut

from hiir.imaging import RowsWithLevel, append_level, estimate_noise_level, estimate_of_rows

SIDE = 256


def noisy(sigma: float, *, channels: int = 3, clean: np.ndarray | float = 0.5) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, sigma / 255, (SIDE, SIDE, channels))
    return np.asarray(clean + noise, np.float32)


@pytest.mark.parametrize("sigma", [2, 10, 25, 50])
@pytest.mark.parametrize("channels", [1, 3])
def test_white_noise_on_a_flat_picture_is_measured(sigma: float, channels: int) -> None:
    assert estimate_noise_level(noisy(sigma, channels=channels)) == pytest.approx(sigma, rel=0.12)


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_white_noise_on_a_photo_is_measured_in_its_file(sigma: float) -> None:
    photo = astronaut()[:SIDE, 100 : 100 + SIDE] / 255
    stored = np.rint(noisy(sigma, clean=photo).clip(0, 1) * 255).astype(np.float32) / 255
    assert estimate_noise_level(stored) == pytest.approx(sigma, rel=0.15)


def test_slopes_are_no_noise() -> None:
    ramp = np.linspace(0.1, 0.9, SIDE, dtype=np.float32)
    picture = np.stack([np.tile(ramp, (SIDE, 1))] * 3, axis=2)
    assert estimate_noise_level(picture) < 0.1


def test_noise_that_grows_with_brightness_is_averaged_over_the_brightnesses() -> None:
    ramp = np.tile(np.linspace(0.1, 0.9, SIDE)[:, None, None], (1, SIDE, 3))
    noise = np.random.default_rng(2).normal(0, 1, (SIDE, SIDE, 3)) * (40 / 255) * ramp
    picture = np.asarray(ramp + noise, np.float32)
    expected = 40 * float(np.sqrt(np.square(ramp).mean()))
    assert estimate_noise_level(picture) == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_what_is_clipped_does_not_count(level: float) -> None:
    picture = noisy(20)
    picture[: SIDE // 2] = level
    assert estimate_noise_level(picture) == pytest.approx(20, rel=0.1)
    assert estimate_noise_level(np.full((64, 64, 3), level, np.float32)) == 0


def test_a_picture_too_small_to_tell_has_none() -> None:
    assert estimate_noise_level(noisy(20)[:16, :16]) == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_large_photo_is_estimated_from_strips(dtype: type) -> None:
    scale = 1 if dtype is np.float32 else np.iinfo(dtype).max
    tall = np.concatenate([noisy(20)] * 40).clip(0, 1) * scale
    rows = tall.astype(dtype)
    asked = []

    class Rows:
        shape, dtype = rows.shape, rows.dtype

        def __getitem__(self, part: slice) -> np.ndarray:
            asked.append(rows[part].shape[0])
            return rows[part]

    assert estimate_of_rows(Rows()) == pytest.approx(20, rel=0.1)
    assert sum(asked) * SIDE <= 2_000_000


def test_rows_have_their_level_beside_them() -> None:
    gray = np.array([[[0], [255]]], np.uint8)
    rows = RowsWithLevel(gray, 25.5, channels=3)
    assert (rows.shape, rows.dtype) == ((1, 2, 4), np.float32)
    expected = np.array([[[0, 0, 0, 0.1], [1, 1, 1, 0.1]]], np.float32)
    np.testing.assert_allclose(rows[0:1], expected, atol=1e-6)
    np.testing.assert_allclose(append_level(expected[..., :3], 25.5), expected, atol=1e-6)
    assert RowsWithLevel(gray, 200, channels=1)[0:1][0, 0, 1] == pytest.approx(75 / 255)
