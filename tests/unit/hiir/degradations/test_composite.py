import numpy as np
import pytest

from hiir.degradations.noise import noise_level
from hiir.degradations.recipe import Recipe


def recipe(**step: object) -> Recipe:
    return Recipe.model_validate([step])


NOISE = {"kind": "noise", "sigma": 20}
JPEG = {"kind": "jpeg", "quality": 20}


def test_a_chain_is_done_in_a_share_of_images(photo) -> None:
    image = photo[:16, :16]
    chain = recipe(kind="chain", steps=[NOISE], share=0.25)
    done = [not np.array_equal(chain.degrade(image, seed=0, index=i), image) for i in range(400)]
    assert 75 < sum(done) < 125
    np.testing.assert_array_equal(
        recipe(kind="chain", steps=[]).degrade(image, seed=0, index=0), image
    )


def test_a_shuffled_chain_comes_in_every_order(photo) -> None:
    # A file that is compressed last has its grid of blocks; noise that comes last hides it.
    steps = [{"kind": "noise", "sigma": 0.01}, {"kind": "file"}]
    chain = recipe(kind="chain", steps=steps, shuffled=True)
    in_file = [
        bool(np.allclose(d * 255, np.rint(d * 255), atol=1e-4))
        for d in (chain.degrade(photo, seed=0, index=i) for i in range(40))
    ]
    assert 8 < sum(in_file) < 32


@pytest.mark.parametrize("factor", [1, 1.3, 2])
def test_a_photo_that_was_larger_keeps_its_detail(photo, factor: float) -> None:
    untouched = recipe(kind="resized", factor=factor, steps=[{"kind": "noise", "sigma": 0}])
    np.testing.assert_allclose(untouched.degrade(photo, seed=0, index=0), photo, atol=1e-6)


def test_reduction_takes_some_of_the_damage_away(photo) -> None:
    plain, larger = (
        noise_level(
            recipe(kind="resized", factor=f, steps=[NOISE]).degrade(photo, seed=0, index=0), photo
        )
        for f in (1, 2)
    )
    # The mean of four samples has half of the deviation; a bicubic kernel leaves a little more.
    assert 0.4 * plain < larger < 0.65 * plain


def test_blocks_of_a_reduced_file_are_smaller(photo) -> None:
    large = photo.repeat(2, axis=0).repeat(2, axis=1)
    jpeg = {"kind": "jpeg", "quality": 3, "aligned": True}
    small = recipe(kind="resized", factor=2, steps=[jpeg]).degrade(large, seed=0, index=0)
    steps = np.abs(np.diff(small.mean(axis=2), axis=1))
    by_place = [steps[:, start::4].mean() for start in range(4)]
    assert by_place[3] > 1.2 * np.mean(by_place[:3])


def test_a_smaller_picture_that_is_enlarged_has_lost_detail(photo) -> None:
    blurred = recipe(kind="resized", factor=0.5, steps=[{"kind": "file"}])
    assert noise_level(blurred.degrade(photo, seed=0, index=0), photo) > 5


@pytest.mark.parametrize("reduction", [1, 2, 3, 4])
def test_whatever_sizes_are_drawn_the_result_is_reduced_exactly(photo, reduction: int) -> None:
    resize = {"kind": "resize", "factor": [0.4, 1.3]}
    steps = [resize, JPEG, {"kind": "one-of", "choices": [resize, {"kind": "chain", "steps": []}]}]
    chain = recipe(
        kind="resized", reduction=reduction, steps=steps, filters={"area": 1, "bicubic": 1}
    )
    assert chain.scale == reduction
    assert chain.margin % reduction == 0
    for index in range(8):
        small = chain.degrade(photo, seed=0, index=index)
        assert small.shape == (96 // reduction, 120 // reduction, 3)
        assert 0 <= small.min() <= small.max() <= 1
        mean = photo.mean(axis=(0, 1))
        np.testing.assert_allclose(small.mean(axis=(0, 1)), mean, atol=0.02)


def test_the_result_lies_where_the_photo_does() -> None:
    ramp = np.linspace(0, 1, 96, dtype=np.float32)[None, :, None].repeat(96, axis=0)
    steps = [{"kind": "resize", "factor": [0.4, 1.3], "filters": "bicubic"}]
    chain = recipe(kind="resized", reduction=4, steps=steps)
    for index in range(8):
        small = chain.degrade(ramp, seed=0, index=index)[12, :, 0]
        np.testing.assert_allclose(small[3:-3], ((np.arange(24) + 0.5) / 24)[3:-3], atol=0.01)


def test_margins_of_what_is_done_at_half_the_size_count_double() -> None:
    assert recipe(kind="chain", steps=[JPEG, JPEG]).margin == 32
    assert recipe(kind="resized", steps=[JPEG]).margin == 16 + 6
    assert recipe(kind="resized", factor=[0.5, 1], steps=[JPEG]).margin == 32 + 4 + 4 + 2
    resize = {"kind": "resize", "factor": [0.5, 2]}
    assert recipe(kind="resized", steps=[resize, JPEG]).margin == 5 + 32 + 2 + 4 + 2


def test_what_lies_beyond_the_margin_does_not_matter() -> None:
    random = np.random.default_rng(0)
    steps = [{"kind": "resize", "factor": [0.5, 1]}, {"kind": "jpeg", "quality": 30}]
    chain = recipe(kind="resized", reduction=2, steps=steps)
    side = 64 + 2 * chain.margin
    image = random.random((side, side, 3), np.float32)
    spoilt = image.copy()
    spoilt[:1], spoilt[-1:], spoilt[:, :1], spoilt[:, -1:] = 0, 0, 0, 0
    for seed in range(8):
        first, second = (
            chain.degrade_patch(i, np.random.default_rng(seed))[0] for i in (image, spoilt)
        )
        np.testing.assert_allclose(first, second, atol=0.02)
