import numpy as np
import pytest
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from hiir.evaluation.metrics import SsimWindow, psnr, ssim


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    clean = astronaut()[:96, 100:220]
    noise = np.random.default_rng(0).normal(0, 20, clean.shape)
    return clean, np.clip(clean + noise, 0, 255).astype(np.uint8)


def test_psnr_is_scikit_images(pair) -> None:
    assert psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair), abs=1e-9)


def test_psnr_of_equal_images_is_infinite(pair) -> None:
    assert psnr(pair[0], pair[0]) == float("inf")


def test_psnr_takes_values_that_nothing_has_rounded() -> None:
    clean = np.full((8, 8, 3), 255, np.uint8)
    assert psnr(clean, np.full((8, 8, 3), 280.5, np.float32)) == pytest.approx(20)


def test_ssim_is_scikit_images_with_the_settings_of_wang(pair) -> None:
    expected = structural_similarity(
        *pair,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2,
        win_size=11,
        full=True,
    )[1][5:-5, 5:-5].mean()
    assert ssim(*pair) == pytest.approx(expected, abs=1e-6)


def test_ssim_of_uniform_windows_is_scikit_images_without_settings(pair) -> None:
    expected = structural_similarity(*pair, data_range=255, channel_axis=2)
    assert ssim(*pair, SsimWindow.UNIFORM) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_images_of_different_shapes_are_refused(metric, pair) -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        metric(pair[0], pair[1][1:])


def test_ssim_needs_a_whole_window() -> None:
    small = np.zeros((10, 20, 3), np.uint8)
    with pytest.raises(ValueError, match="11x11"):
        ssim(small, small)
