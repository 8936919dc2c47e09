import numpy as np
import pytest

from hiir.degradations.convolution import gaussian_weights
from hiir.degradations.correlated_noise import add_correlated_noise, add_film_grain


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def flat(level: float = 0.5, channels: int = 3) -> np.ndarray:
    return np.full((300, 300, channels), level, np.float32)


def lag(noise: np.ndarray) -> float:
    """Correlation of a sample with its right neighbor."""
    return float(np.mean(noise[:, 1:] * noise[:, :-1]) / np.mean(noise**2))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("radius", [0, 0.5, 1.5])
def test_a_filter_correlates_neighbors_and_keeps_the_level(radius: float, channels: int) -> None:
    image = flat(channels=channels)
    noise = add_correlated_noise(image, rng(), sigma=20, radius=radius, chroma=2) - image
    assert noise.std() * 255 == pytest.approx(20, rel=0.05)
    weights = gaussian_weights(radius)
    expected = np.sum(weights[1:] * weights[:-1]) / np.sum(weights**2)
    assert lag(noise) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("chroma", [0, 1, 3])
def test_color_has_its_own_share_of_the_noise(chroma: float) -> None:
    noise = add_correlated_noise(flat(), rng(), sigma=20, radius=0.7, chroma=chroma) - flat()
    lightness = noise.sum(axis=2).std() / 3**0.5
    color = (noise[..., 0] - noise[..., 1]).std() / 2**0.5
    assert color == pytest.approx(chroma * lightness, rel=0.04, abs=1e-5)


def test_color_may_be_coarser_and_channels_may_differ() -> None:
    coarse = add_correlated_noise(flat(), rng(), sigma=20, radius=0.5, chroma_radius=2) - flat()
    assert lag(coarse[..., 0] - coarse[..., 1]) > 0.9
    assert lag(coarse.sum(axis=2)) < 0.5
    uneven = add_correlated_noise(flat(), rng(), sigma=20, radius=0.5, balance=(1, 1, 2)) - flat()
    assert uneven[..., 2].std() == pytest.approx(2 * uneven[..., 0].std(), rel=0.03)
    assert uneven.std() * 255 == pytest.approx(20, rel=0.03)


def test_film_has_most_grain_in_middle_tones() -> None:
    def spread(level: float) -> float:
        grain = add_film_grain(flat(level), rng(), sigma=10, radius=0.8) - flat(level)
        return float(grain.std() * 255)

    assert spread(0.5) == pytest.approx(10, rel=0.03)
    assert spread(0.1) == pytest.approx(10 * 2 * np.sqrt(0.09), rel=0.03)
    assert max(spread(0.0), spread(1.0)) < 0.02


def test_black_and_white_film_has_gray_grain() -> None:
    grain = add_film_grain(flat(), rng(), sigma=10, radius=0.8) - flat()
    np.testing.assert_allclose(grain, grain[..., :1].repeat(3, axis=2), atol=1e-6)
    colored = add_film_grain(flat(), rng(), sigma=10, radius=0.8, chroma=0.7) - flat()
    assert np.abs(colored[..., 0] - colored[..., 1]).max() > 0.02
