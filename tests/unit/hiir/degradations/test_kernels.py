import numpy as np
import pytest

from hiir.degradations.kernels import gaussian_kernel, sinc_kernel
from hiir.degradations.recipe import Recipe


def deviations(kernel: np.ndarray) -> tuple[float, float]:
    """Standard deviations along rows and columns."""
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    return (
        float(np.sqrt(np.sum(kernel.sum(axis=1) * offsets**2))),
        float(np.sqrt(np.sum(kernel.sum(axis=0) * offsets**2))),
    )


def test_the_widths_are_standard_deviations_and_turn_with_the_angle() -> None:
    assert deviations(gaussian_kernel(41, sigma=(2, 2))) == pytest.approx((2, 2), rel=0.01)
    assert deviations(gaussian_kernel(41, sigma=(1, 3))) == pytest.approx((3, 1), rel=0.01)
    turned = gaussian_kernel(41, sigma=(1, 3), angle=np.pi / 2)
    assert deviations(turned) == pytest.approx((1, 3), rel=0.01)
    np.testing.assert_allclose(turned.sum(), 1)


def test_a_large_exponent_is_blunt_and_a_plateau_has_wide_foothills() -> None:
    plain, blunt = (gaussian_kernel(21, sigma=(3, 3), beta=b)[10] for b in (1, 4))
    assert blunt[8] / blunt[10] > 0.97
    assert plain[8] / plain[10] < 0.9
    plateau = gaussian_kernel(21, sigma=(3, 3), beta=2, plateau=True)[10]
    assert plateau[0] / plateau[10] > 2 * plain[0] / plain[10]
    assert plateau[8] / plateau[10] == pytest.approx(1 / (1 + (2 / 3) ** 4))


def test_a_sinc_filter_passes_low_frequencies_and_stops_high_ones() -> None:
    kernel = sinc_kernel(41, cutoff=np.pi / 2)
    response = np.abs(np.fft.fft2(np.fft.ifftshift(kernel), s=(41, 41)))[0]
    frequencies = np.arange(41) * 2 * np.pi / 41
    assert response[frequencies < 0.35 * np.pi].min() > 0.8
    assert response[(frequencies > 0.65 * np.pi) & (frequencies < np.pi)].max() < 0.2
    assert kernel.min() < 0
    # c J1(c r) / (2 pi r), which tends to c^2 / (4 pi) at the center; J1(1) = 0.44005.
    kernel = sinc_kernel(41, cutoff=1.0)
    assert kernel[20, 20] / kernel[20, 21] == pytest.approx(1 / (2 * 0.44005), rel=1e-4)


def test_a_sinc_filter_rings_at_an_edge_and_a_gaussian_does_not() -> None:
    edge = np.zeros((40, 40, 1), np.float32)
    edge[:, 20:] = 1

    def blurred(shape: str) -> np.ndarray:
        step = {"kind": "blur", "sigma": 1, "shapes": shape, "size": 21, "cutoff": 1.5}
        return Recipe.model_validate([step]).degrade(edge, seed=0, index=0)

    assert blurred("sinc").max() > 1.02
    assert blurred("isotropic").max() < 1 + 1e-5


@pytest.mark.parametrize("shape", ["isotropic", "anisotropic", "generalized", "plateau", "sinc"])
def test_every_shape_keeps_the_mean_and_removes_detail(photo, shape: str) -> None:
    recipe = Recipe.model_validate(
        [{"kind": "blur", "sigma": [1, 3], "shapes": shape, "cutoff": 1.5}]
    )
    for index in range(4):
        blurred = recipe.degrade(photo, seed=0, index=index)
        np.testing.assert_allclose(blurred.mean(axis=(0, 1)), photo.mean(axis=(0, 1)), atol=0.01)
        assert (
            np.abs(np.diff(blurred, axis=1)).mean() < 0.97 * np.abs(np.diff(photo, axis=1)).mean()
        )
