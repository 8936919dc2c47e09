import numpy as np
import pytest

from hiir.degradations.convolution import convolve, gaussian_blur, gaussian_weights


@pytest.mark.parametrize("radius", [0.4, 1, 2.7])
def test_a_gaussian_blur_is_the_convolution_with_its_kernel(photo, radius: float) -> None:
    weights = gaussian_weights(radius).astype(np.float64)
    expected = convolve(photo, np.outer(weights, weights))
    np.testing.assert_allclose(gaussian_blur(photo, radius), expected, atol=1e-5)


def test_a_radius_of_zero_changes_nothing(photo) -> None:
    np.testing.assert_array_equal(gaussian_blur(photo, 0), photo)


def test_the_radius_is_the_standard_deviation() -> None:
    weights = gaussian_weights(2.0)
    offsets = np.arange(len(weights)) - len(weights) // 2
    assert np.sqrt(np.sum(weights * offsets**2)) == pytest.approx(2, rel=0.02)


def test_single_precision_is_precise_enough_for_stored_values(photo) -> None:
    kernel = np.outer(gaussian_weights(2.0), gaussian_weights(2.0)).astype(np.float64)
    rough = convolve(photo, kernel, precise=False)
    np.testing.assert_allclose(rough, convolve(photo, kernel), atol=5e-6)
    assert not np.array_equal(rough, convolve(photo, kernel))
