import numpy as np
import pytest
import torch

from hiir.degradations.noise import add_gaussian_noise, add_poisson_noise, noise_level


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_noise_has_the_level_that_the_literature_means(sigma: float) -> None:
    image = torch.full((3, 200, 200), 0.5)
    noise = (add_gaussian_noise(image, sigma, generator=generator()) - image) * 255
    assert noise.std().item() == pytest.approx(sigma, rel=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=0.02 * sigma)


def test_unclipped_noise_leaves_the_range_and_clipped_noise_is_a_file() -> None:
    image = torch.zeros(3, 50, 50)
    assert add_gaussian_noise(image, 25, generator=generator()).min() < 0
    clipped = add_gaussian_noise(image, 25, generator=generator(), clip=True)
    assert clipped.min() == 0
    torch.testing.assert_close((clipped * 255).round(), clipped * 255)


def test_each_image_of_a_batch_has_its_own_level() -> None:
    image = torch.full((2, 3, 100, 100), 0.5)
    noisy = add_gaussian_noise(image, torch.tensor([5.0, 50.0]), generator=generator())
    levels = ((noisy - image) * 255).flatten(1).std(dim=1)
    torch.testing.assert_close(levels, torch.tensor([5.0, 50.0]), rtol=0.02, atol=0)


def test_level_zero_changes_nothing() -> None:
    image = torch.rand(3, 8, 8)
    assert torch.equal(add_gaussian_noise(image, 0, generator=generator()), image)


def test_the_same_seed_draws_the_same_noise() -> None:
    image = torch.rand(3, 8, 8)
    first, again, other = (
        add_gaussian_noise(image, 25, generator=generator(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def flat(level: float) -> np.ndarray:
    return np.full((300, 300, 3), level, np.float32)


@pytest.mark.parametrize("strength", [0.5, 2])
@pytest.mark.parametrize("level", [0.1, 0.8])
def test_the_variance_of_counted_photons_is_their_number(level: float, strength: float) -> None:
    noise = add_poisson_noise(flat(level), np.random.default_rng(0), strength=strength) - level
    assert noise.var() == pytest.approx(strength**2 * level / 255, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=1e-3)


def test_black_has_no_photons_and_gray_noise_has_no_color() -> None:
    random = np.random.default_rng(0)
    assert not add_poisson_noise(flat(0), random, strength=1).any()
    noise = add_poisson_noise(flat(0.5), random, strength=1, gray=True)
    np.testing.assert_array_equal(noise[..., :1].repeat(3, axis=2), noise)
    assert noise.std() > 0.02


def test_the_level_of_noise_is_measured_on_the_scale_of_255() -> None:
    clean = torch.full((3, 200, 200), 0.5)
    noisy = add_gaussian_noise(clean, 25, generator=generator())
    assert noise_level(noisy.numpy(), clean.numpy()) == pytest.approx(25, rel=0.01)
    with pytest.raises(ValueError, match=r"same shape, got \(3, 200, 200\) and \(2, 2\)"):
        noise_level(noisy.numpy(), np.zeros((2, 2), np.float32))
