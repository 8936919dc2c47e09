from pathlib import Path

import numpy as np
import pytest
import torch

from hiir.datasets.denoising import NoisyPatches
from hiir.datasets.pool import ImagePool


@pytest.fixture
def pool() -> ImagePool:
    shades = np.arange(40 * 48 * 3, dtype=np.uint8)
    return ImagePool(samples=np.concatenate([shades, 255 - shades]), shapes=[(40, 48), (40, 48)])


def patches(pool: ImagePool, **changes: float) -> NoisyPatches:
    values = {"sigma_min": 0, "sigma_max": 55, "clip_share": 0.25, "seed": 3, "rank": 0}
    return NoisyPatches(pool=pool, **{**values, **changes})


def test_a_batch_is_a_function_of_seed_rank_and_step(pool: ImagePool) -> None:
    batch = patches(pool).batch(7, size=4, patch=16)
    again = patches(pool).batch(7, size=4, patch=16)
    assert torch.equal(batch.degraded, again.degraded)
    assert torch.equal(batch.clean, again.clean)
    for other in (
        patches(pool).batch(8, size=4, patch=16),
        patches(pool, rank=1).batch(7, size=4, patch=16),
        patches(pool, seed=4).batch(7, size=4, patch=16),
    ):
        assert not torch.equal(batch.degraded, other.degraded)


def test_shapes_and_range(pool: ImagePool) -> None:
    batch = patches(pool).batch(0, size=5, patch=24)
    assert batch.clean.shape == batch.degraded.shape == (5, 3, 24, 24)
    assert batch.clean.dtype == batch.degraded.dtype == torch.float32
    assert batch.clean.min() >= 0
    assert batch.clean.max() <= 1


def test_levels_stay_within_their_bounds(pool: ImagePool) -> None:
    batch = patches(pool, sigma_min=20, sigma_max=30, clip_share=0).batch(0, size=16, patch=32)
    levels = ((batch.degraded - batch.clean) * 255).flatten(1).std(dim=1)
    assert ((levels > 19) & (levels < 31)).all()
    assert levels.std() > 1


@pytest.mark.parametrize(("share", "filed"), [(0, 0), (1, 16)])
def test_the_share_of_patches_that_are_degraded_as_files(pool, share: float, filed: int) -> None:
    batch = patches(pool, sigma_min=40, clip_share=share).batch(0, size=16, patch=32)
    inside = (batch.degraded >= 0) & (batch.degraded <= 1)
    assert inside.flatten(1).all(dim=1).sum() == filed


def test_patches_are_crops_flipped_and_turned(tmp_path: Path) -> None:
    corner = np.zeros((16, 16, 3), np.uint8)
    corner[0, 1] = 255
    pool = ImagePool(samples=corner.ravel(), shapes=[(16, 16)])
    clean = patches(pool, sigma_max=0).batch(0, size=64, patch=16).clean
    places = {tuple(torch.nonzero(image[0])[0].tolist()) for image in clean}
    assert places == {(0, 1), (0, 14), (1, 0), (1, 15), (14, 0), (14, 15), (15, 1), (15, 14)}
