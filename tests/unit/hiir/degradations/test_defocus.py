import numpy as np
import pytest

from hiir.degradations.convolution import convolve, disk
from hiir.degradations.defocus import View, defocus, view_kernel


def test_a_convolution_with_a_point_changes_nothing(photo) -> None:
    point = np.zeros((5, 7))
    point[2, 3] = 1
    np.testing.assert_allclose(convolve(photo, point), photo, atol=1e-6)


def test_a_convolution_moves_as_its_kernel_says(photo) -> None:
    kernel = np.zeros((3, 3))
    kernel[0, 2] = 1  # up and to the right
    moved = convolve(photo, kernel)
    np.testing.assert_allclose(moved[:-1, 1:], photo[1:, :-1], atol=1e-6)


@pytest.mark.parametrize("radius", [0.0, 0.4, 3.0, 7.5])
def test_a_disk_has_its_area(radius: float) -> None:
    weights = disk(radius)
    assert weights.sum() == pytest.approx(1)
    if radius >= 3:
        assert 1 / weights.max() == pytest.approx(np.pi * radius**2, rel=0.06)


@pytest.mark.parametrize("radius", [4.0, -4.0])
def test_the_two_halves_make_the_disk_and_lie_on_opposite_sides(radius: float) -> None:
    left, right = view_kernel(radius, View.LEFT), view_kernel(radius, View.RIGHT)
    np.testing.assert_allclose((left + right) / 2, view_kernel(radius, View.WHOLE))
    assert left.sum() == pytest.approx(right.sum()) == pytest.approx(1)
    columns = np.arange(left.shape[1]) - left.shape[1] // 2
    shift = (left.sum(axis=0) * columns).sum()
    assert np.sign(shift) == -np.sign(radius)
    assert (right.sum(axis=0) * columns).sum() == pytest.approx(-shift)


def test_what_is_in_focus_stays_sharp(photo) -> None:
    radius = np.zeros(photo.shape[:2], np.float32)
    np.testing.assert_allclose(defocus(photo, radius), photo, atol=1e-5)


def test_a_uniform_radius_is_a_convolution_in_light(photo) -> None:
    radius = np.full(photo.shape[:2], 3.0, np.float32)
    expected = np.clip(convolve(photo, view_kernel(3.0, View.WHOLE)), 0, 1)
    np.testing.assert_allclose(defocus(photo, radius, gamma=1), expected, atol=1e-4)


def test_a_sharp_near_thing_is_not_spoilt_by_what_is_blurred_behind_it() -> None:
    image = np.zeros((60, 60, 3), np.float32)
    image[:, 30:] = 1  # white and far, beside black and near
    radius = np.where(image[..., 0] > 0, 6.0, 0.0).astype(np.float32)
    blurred = defocus(image, radius)
    assert blurred[:, :30].max() < 1e-3
    # And a near blurred thing veils the sharp far one.
    veiled = defocus(image, np.where(image[..., 0] > 0, 0.0, -6.0).astype(np.float32))
    assert 0.2 < veiled[30, 31, 0] < 0.95
    assert veiled[30, 50, 0] == pytest.approx(1, abs=1e-3)
