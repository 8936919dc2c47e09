import numpy as np
import pytest
import torch

from hiir.datasets.clean_images import CleanImages
from hiir.datasets.degraded_tiles import NO_NOISE, DeferredNoise, TileSource
from hiir.datasets.packed_images import DatasetError
from hiir.datasets.photo_files import ColorMode
from hiir.datasets.tile_buffer import TileBuffer
from hiir.degradations.recipe import Recipe

NOISE = {"kind": "noise", "sigma": [10, 20]}
JPEG = {"kind": "jpeg", "quality": 30}


@pytest.fixture
def photo() -> np.ndarray:
    """A picture in which each pixel tells its place: red its row, green its column."""
    rows, columns = np.mgrid[:128, :128].astype(np.uint8)
    return np.stack([rows, columns, rows // 2 + columns // 2], axis=2)


def source(photo: np.ndarray, *steps: dict, side: int = 128, seed: int = 5) -> TileSource:
    images = CleanImages([photo], color=ColorMode.RGB)
    return TileSource(
        images, Recipe.model_validate(steps), side=side, seed=seed, noise_level_map=True
    )


def ring_of(tiles: TileSource, *, count: int = 4, **options) -> TileBuffer:
    settings = {"size": 4, "device": torch.device("cpu"), "seed": 0, "turns": False} | options
    ring = TileBuffer(shapes=tiles.shapes, **settings)
    for number in range(count):
        tile = tiles.draw(number)
        ring.put(*map(torch.from_numpy, (tile.clean, tile.degraded, tile.described)))
    return ring


def test_a_tile_is_a_function_of_seed_and_number(photo) -> None:
    tile, again = (source(photo, JPEG).draw(7) for _ in range(2))
    np.testing.assert_array_equal(tile.degraded, again.degraded)
    np.testing.assert_array_equal(tile.clean, again.clean)
    for other in (source(photo, JPEG, seed=6).draw(7), source(photo, JPEG).draw(8)):
        assert not np.array_equal(tile.degraded, other.degraded)


def test_a_tile_has_no_margin_and_whole_reduced_pixels(photo) -> None:
    tile = source(photo, {"kind": "downscale", "factor": 3}).draw(0)
    assert tile.clean.shape == (114, 114, 3)  # 128 without 6 on each side, in whole thirds
    assert tile.degraded.shape == (38, 38, 3)
    assert tile.level == 0
    means = tile.clean.reshape(38, 3, 38, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(tile.degraded * 255, means, atol=1.5)


@pytest.mark.parametrize(
    ("steps", "noise"),
    [
        ([NOISE], DeferredNoise(10, 20, 0)),
        ([JPEG, NOISE, {"kind": "file"}], DeferredNoise(10, 20, 1)),
        ([JPEG, {**NOISE, "clip_share": 0.5}], DeferredNoise(10, 20, 0.5)),
        ([{"kind": "one-of", "choices": [NOISE]}], DeferredNoise(10, 20, 0)),
        ([NOISE, JPEG], NO_NOISE),
        ([JPEG], NO_NOISE),
    ],
)
def test_white_noise_that_comes_last_is_left_to_the_device(photo, steps, noise) -> None:
    tile = source(photo, *steps).draw(0)
    assert tile.noise == noise
    difference = float(np.std(tile.degraded - tile.clean / np.float32(255)) * 255)
    assert tile.level == pytest.approx(difference, abs=0.1)


def test_a_tile_that_is_all_margin_is_refused(photo) -> None:
    with pytest.raises(
        DatasetError, match="a tile of 32 pixels leaves nothing within a margin of 16"
    ):
        source(photo, JPEG, side=32)


def test_patches_of_a_ring_are_cut_from_both_pictures_at_one_place(photo) -> None:
    tiles = source(photo, {"kind": "downscale", "factor": 2})
    batch = ring_of(tiles).batch(64, patch=16)
    assert batch.clean.shape == (64, 3, 16, 16)
    assert batch.degraded.shape == (64, 3, 8, 8)
    reduced = torch.nn.functional.avg_pool2d(batch.clean, 2)
    torch.testing.assert_close(batch.degraded, reduced, atol=2 / 255, rtol=0)
    assert len({tuple(patch[:2, 0, 0].tolist()) for patch in batch.clean}) > 32


@pytest.mark.parametrize(("turns", "ways"), [(False, 1), (True, 8)])
def test_patches_are_mirrored_and_turned_alike_or_not_at_all(photo, turns: bool, ways: int) -> None:
    # One tile, so that the crop itself is turned but once.
    batch = ring_of(source(photo, {"kind": "file"}), count=1, turns=turns).batch(200, patch=16)
    torch.testing.assert_close(batch.degraded, batch.clean, atol=3e-4, rtol=0)
    red, green = batch.clean[:, 0], batch.clean[:, 1]
    slopes = torch.stack(
        [plane[:, i, j] - plane[:, 0, 0] for plane in (red, green) for i, j in ((1, 0), (0, 1))]
    )
    assert len({tuple(column.sign().tolist()) for column in slopes.T}) == ways


def test_each_patch_of_a_ring_has_noise_of_its_own(photo) -> None:
    batch = ring_of(source(photo, NOISE), noise_level_map=True).batch(128, patch=32)
    noise = batch.degraded[:, :3] - batch.clean
    levels = noise.flatten(1).std(dim=1) * 255
    assert levels.min() > 9
    assert levels.max() < 21
    assert levels.std() > 2
    told = batch.degraded[:, 3, 0, 0] * 255
    assert (told / levels - 1).abs().max() < 0.15
    assert torch.corrcoef(torch.stack([told, levels]))[0, 1] > 0.8


def test_a_share_of_the_noisy_patches_is_a_file(photo) -> None:
    noise = {"kind": "noise", "sigma": 60, "clip_share": 0.5}
    batch = ring_of(source(photo, noise)).batch(200, patch=16)
    levels = batch.degraded * 255
    whole = (levels - levels.round()).abs().flatten(1).amax(dim=1) < 1e-3
    inside = (batch.degraded.flatten(1).amin(dim=1) >= 0) & (
        batch.degraded.flatten(1).amax(dim=1) <= 1
    )
    assert torch.equal(whole, whole & inside)
    assert 60 < whole.sum() < 140


def test_a_new_tile_takes_the_place_of_the_oldest(photo) -> None:
    tiles = source(photo, {"kind": "file"})
    ring = ring_of(tiles, count=6)
    assert (ring.filled, ring.taken, len(ring)) == (4, 6, 4)
    kept = {tuple(ring.batch(1, patch=128).clean[0, :, 0, 0].tolist()) for _ in range(200)}
    expected = {tuple((tiles.draw(n).clean[0, 0] / 255).round(6).tolist()) for n in range(2, 6)}
    assert {tuple(round(v, 6) for v in place) for place in kept} == expected


def test_a_patch_larger_than_a_tile_is_refused(photo) -> None:
    with pytest.raises(ValueError, match="patches of 160 pixels from 4 tiles of 128 pixels"):
        ring_of(source(photo, NOISE)).batch(1, patch=160)


def test_textured_places_are_preferred(photo) -> None:
    half = photo.copy()
    half[:, :64] = 128
    busy = np.random.default_rng(0).integers(0, 256, (128, 64, 3), np.uint8)
    half[:, 64:] = busy
    shares = {}
    for share in (0.0, 1.0):
        ring = ring_of(source(half, {"kind": "file"}), texture_share=share)
        shares[share] = float(
            (ring.batch(400, patch=8).clean.flatten(1).std(dim=1) > 0.1).float().mean()
        )
    assert shares[0.0] == pytest.approx(0.5, abs=0.1)
    assert shares[1.0] == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize(
    ("step", "turns"),
    [
        (NOISE, True),
        (JPEG, True),
        ({"kind": "rain", "amount": 0.5}, False),
        ({"kind": "defocus", "radius": 3}, True),
        ({"kind": "defocus", "radius": 3, "dual_pixel": True}, False),
        ({"kind": "one-of", "choices": [NOISE, {"kind": "snow", "amount": 0.5}]}, False),
    ],
)
def test_what_falls_or_has_a_left_view_is_not_turned(photo, step, turns: bool) -> None:
    assert source(photo, step).turns is turns
