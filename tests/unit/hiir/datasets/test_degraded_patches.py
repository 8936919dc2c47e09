import numpy as np
import pytest
import torch

from hiir.datasets.clean_images import CleanImages
from hiir.datasets.degraded_patches import DegradedPatches
from hiir.datasets.noise_conditioning import ESTIMATED_SHARE
from hiir.datasets.packed_images import PackedImages
from hiir.datasets.photo_files import ColorMode
from hiir.degradations.recipe import Recipe


@pytest.fixture
def pool() -> list[np.ndarray]:
    shades = np.arange(80 * 88 * 3, dtype=np.uint8).reshape(80, 88, 3)
    return [shades, 255 - shades]


def patches(
    pool: PackedImages,
    *steps: dict,
    color: ColorMode = ColorMode.RGB,
    seed: int = 3,
    noise_level_map: bool = False,
    **shares: float,
) -> DegradedPatches:
    noise = {"kind": "noise", "sigma": [0, 55], "clip_share": 0.25}
    recipe = Recipe.model_validate(steps or [noise])
    images = CleanImages(pool, color=color, **shares)
    return DegradedPatches(images, recipe, seed=seed, noise_level_map=noise_level_map)


def test_a_batch_is_a_function_of_seed_and_step(pool: PackedImages) -> None:
    batch = patches(pool).batch(7, size=4, patch=16)
    again = patches(pool).batch(7, size=4, patch=16)
    assert torch.equal(batch.degraded, again.degraded)
    assert torch.equal(batch.clean, again.clean)
    for other in (
        patches(pool).batch(8, size=4, patch=16),
        patches(pool, seed=4).batch(7, size=4, patch=16),
    ):
        assert not torch.equal(batch.degraded, other.degraded)


def test_processes_share_the_patches_of_a_step(pool: PackedImages) -> None:
    whole = patches(pool).batch(2, size=4, patch=16)
    halves = [patches(pool).batch(2, size=2, patch=16, first=first) for first in (0, 2)]
    assert torch.equal(torch.cat([half.degraded for half in halves]), whole.degraded)
    assert torch.equal(torch.cat([half.clean for half in halves]), whole.clean)


def test_shapes_and_range(pool: PackedImages) -> None:
    batch = patches(pool).batch(0, size=5, patch=24)
    assert batch.clean.shape == batch.degraded.shape == (5, 3, 24, 24)
    assert batch.clean.dtype == batch.degraded.dtype == torch.float32
    assert batch.clean.min() >= 0
    assert batch.clean.max() <= 1


@pytest.mark.parametrize(
    ("step", "color", "degraded", "clean"),
    [
        ({"kind": "downscale", "factor": 2}, ColorMode.RGB, (3, 12, 12), (3, 24, 24)),
        ({"kind": "jpeg", "quality": 10}, ColorMode.GRAY, (1, 24, 24), (1, 24, 24)),
        ({"kind": "jpeg", "quality": 10}, ColorMode.LUMA, (1, 24, 24), (1, 24, 24)),
        (
            {"kind": "defocus", "radius": 3, "dual_pixel": True},
            ColorMode.RGB,
            (6, 24, 24),
            (3, 24, 24),
        ),
    ],
)
def test_each_task_has_its_shapes(pool, step, color, degraded, clean) -> None:
    batch = patches(pool, step, color=color).batch(0, size=2, patch=24)
    assert batch.degraded.shape == (2, *degraded)
    assert batch.clean.shape == (2, *clean)


def test_levels_stay_within_their_bounds(pool: PackedImages) -> None:
    noise = {"kind": "noise", "sigma": [20, 30]}
    batch = patches(pool, noise).batch(0, size=16, patch=32)
    levels = ((batch.degraded - batch.clean) * 255).flatten(1).std(dim=1)
    assert ((levels > 19) & (levels < 31)).all()
    assert levels.std() > 1


@pytest.mark.parametrize(("share", "filed"), [(0, 0), (1, 16)])
def test_the_share_of_patches_that_are_degraded_as_files(pool, share: float, filed: int) -> None:
    noise = {"kind": "noise", "sigma": [40, 55], "clip_share": share}
    batch = patches(pool, noise).batch(0, size=16, patch=32)
    inside = (batch.degraded >= 0) & (batch.degraded <= 1)
    assert inside.flatten(1).all(dim=1).sum() == filed


def test_patches_are_crops_flipped_and_turned() -> None:
    corner = np.zeros((16, 16, 3), np.uint8)
    corner[0, 1] = 255
    clean = patches([corner], {"kind": "noise", "sigma": 0}).batch(0, size=64, patch=16).clean
    places = {tuple(torch.nonzero(image[0])[0].tolist()) for image in clean}
    assert places == {(0, 1), (0, 14), (1, 0), (1, 15), (14, 0), (14, 15), (15, 1), (15, 14)}


def test_a_batch_goes_where_it_is_sent(pool: PackedImages) -> None:
    batch = patches(pool).batch(0, size=1, patch=16).to(torch.device("cpu"))
    assert batch.degraded.device.type == batch.clean.device.type == "cpu"


def test_a_share_of_the_patches_is_drawn_and_none_unless_asked(pool: PackedImages) -> None:
    photos = patches(pool).batch(0, size=64, patch=16)
    some = patches(pool, synthetic_share=0.25).batch(0, size=64, patch=16)
    # The pool holds slow ramps of gray and nothing that is flat.
    drawn = [not torch.equal(tile, tile.unique()[0].expand_as(tile)) for tile in photos.clean]
    assert all(drawn)
    flat = int((some.clean.flatten(2).std(dim=2) == 0).all(dim=1).sum())
    assert 1 <= flat <= 16


def test_a_share_of_the_patches_is_the_more_textured_of_two() -> None:
    flat = np.full((64, 64, 3), 128, np.uint8)
    busy = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    shares = {}
    for share in (0.0, 1.0):
        batch = patches([flat, busy], texture_share=share).batch(0, size=200, patch=16)
        shares[share] = float((batch.clean.flatten(1).std(dim=1) > 0.1).float().mean())
    # Of two candidates one is busy in three of four cases.
    assert shares[0.0] == pytest.approx(0.5, abs=0.1)
    assert shares[1.0] == pytest.approx(0.75, abs=0.08)


def test_the_level_that_is_told_is_true_but_for_a_tenth_or_estimated(pool, monkeypatch) -> None:
    monkeypatch.setattr("hiir.datasets.noise_conditioning.estimate_noise_level", lambda _: 60.0)
    noise = {"kind": "noise", "sigma": [20, 30]}
    batch = patches(pool, noise, noise_level_map=True).batch(0, size=64, patch=32)
    assert batch.degraded.shape == (64, 4, 32, 32)
    told = batch.degraded[:, 3] * 255
    assert (told.flatten(1).std(dim=1) < 1e-3).all()
    told = told[:, 0, 0]
    actual = ((batch.degraded[:, :3] - batch.clean) * 255).flatten(1).std(dim=1, correction=0)
    estimated = told > 59
    assert float(estimated.float().mean()) == pytest.approx(ESTIMATED_SHARE, abs=0.15)
    errors = (told / actual - 1)[~estimated]
    assert errors.abs().max() <= 0.101
    assert errors.std() > 0.02
