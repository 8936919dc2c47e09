import numpy as np
import pytest

from hiir.degradations.resample import ResizeFilter, resample


@pytest.mark.parametrize("kernel", ResizeFilter)
@pytest.mark.parametrize("shape", [(31, 47), (96, 60), (200, 240)])
def test_any_size_has_the_same_mean_and_borders_in_place(photo, kernel, shape) -> None:
    resized = resample(photo, shape, kernel=kernel)
    assert resized.shape == (*shape, 3)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized.mean(axis=(0, 1)), photo.mean(axis=(0, 1)), atol=0.01)
    ramp = np.linspace(0, 1, 120, dtype=np.float32)[None, :, None].repeat(96, axis=0)
    columns = resample(ramp, shape, kernel=kernel)[shape[0] // 2, :, 0]
    expected = (np.arange(shape[1]) + 0.5) / shape[1]
    np.testing.assert_allclose(columns[4:-4], expected[4:-4], atol=0.012)


def test_the_size_that_it_has_is_no_change(photo) -> None:
    assert resample(photo, photo.shape[:2]) is photo


def test_without_antialiasing_fine_lines_turn_into_coarse_ones() -> None:
    lines = np.tile(np.array([0, 1, 0, 0, 1], np.float32), 48)[None, :, None].repeat(60, axis=0)
    for kernel in (ResizeFilter.BILINEAR, ResizeFilter.BICUBIC):
        smooth, coarse = (
            resample(lines, (15, 60), kernel=kernel, antialias=a)[:, 4:-4] for a in (True, False)
        )
        assert coarse.std() > 4 * smooth.std()


def test_area_is_the_mean(photo) -> None:
    expected = photo.reshape(48, 2, 60, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(
        resample(photo, (48, 60), kernel=ResizeFilter.AREA), expected, atol=1e-6
    )
