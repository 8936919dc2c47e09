import numpy as np
import pytest

from hiir.degradations.motion import draw_trajectory, seen_from_middle
from hiir.degradations.moving_object import blur_moving_object
from hiir.degradations.recipe import Recipe

STILL = np.zeros((8, 2))


def path(length: float) -> np.ndarray:
    """To the right at constant speed, the middle of the exposure at the origin."""
    columns = np.linspace(-length / 2, length / 2, 257)
    return np.stack([np.zeros_like(columns), columns], axis=1)


def square() -> np.ndarray:
    inside = np.zeros((64, 64), np.bool_)
    inside[24:40, 24:40] = True
    return inside


def test_the_middle_of_the_exposure_is_where_the_truth_is() -> None:
    for seed in range(5):
        drawn = draw_trajectory(np.random.default_rng(seed), length=30, jitter=0.5)
        moved = seen_from_middle(drawn)
        np.testing.assert_allclose(moved[len(moved) // 2], 0)
        np.testing.assert_allclose(np.diff(moved, axis=0), np.diff(drawn, axis=0))


def test_what_stands_still_stays(photo) -> None:
    inside = np.zeros(photo.shape[:2], np.bool_)
    inside[20:60, 30:80] = True
    still = blur_moving_object(photo, inside, object_path=STILL, ground_path=STILL)
    np.testing.assert_allclose(still, photo, atol=2e-3)


def test_the_ground_stays_sharp_beyond_the_reach_of_the_thing(photo) -> None:
    inside = square()
    image = photo[:64, :64]
    blurred = blur_moving_object(image, inside, object_path=path(12), ground_path=STILL)
    reached = np.zeros_like(inside)
    reached[23:41, 17:47] = True
    np.testing.assert_allclose(blurred[~reached], image[~reached], atol=2e-3)
    assert np.abs(blurred - image)[inside].max() > 0.1


def test_a_thing_covers_the_ground_for_the_time_that_it_is_there() -> None:
    # A white thing that moves 16 pixels before a black ground: in linear light a ramp.
    image = np.zeros((64, 64, 1), np.float32)
    image[square()] = 1
    blurred = blur_moving_object(
        image, square(), object_path=path(16), ground_path=STILL, gamma=1.0
    )
    row = blurred[32, :, 0]
    np.testing.assert_allclose(row[20:24], (np.arange(20, 24) - 15.5) / 16, atol=0.02)
    # Ground that no pixel has seen takes the place of none: within the outline the thing remains.
    assert row[24:40].min() > 0.95
    assert row[:15].max() < 0.02
    assert row[49:].max() < 0.02


def test_the_thing_does_not_bleed_into_a_ground_that_moves() -> None:
    image = np.full((64, 64, 1), 0.5, np.float32)
    image[square()] = 1
    blurred = blur_moving_object(image, square(), object_path=STILL, ground_path=path(16))
    np.testing.assert_allclose(blurred[~square()], 0.5, atol=2e-3)
    np.testing.assert_allclose(blurred[square()], 1, atol=2e-3)


@pytest.mark.parametrize("sharp", ["mean", "middle"])
def test_a_step_says_which_moment_is_sharp(photo, sharp: str) -> None:
    # The mean of a curled path is another place than its middle, of a straight one the same.
    curled = {"kind": "motion", "length": 30, "jitter": 0.7, "sharp": sharp}
    straight = {"kind": "motion", "length": 30, "jitter": 0, "sharp": sharp}

    def differs(step: dict) -> bool:
        other = {**step, "sharp": {"mean": "middle", "middle": "mean"}[sharp]}
        first, second = (
            Recipe.model_validate([s]).degrade(photo, seed=1, index=1) for s in (step, other)
        )
        return bool(np.abs(first - second).max() > 0.1)

    assert differs(curled)
    assert not differs(straight)


def test_what_lies_beyond_the_margin_of_a_moving_thing_does_not_matter(photo) -> None:
    recipe = Recipe.model_validate([{"kind": "moving-object", "length": [10, 20]}])
    spoilt = photo.copy()
    spoilt[:1], spoilt[-1:], spoilt[:, :1], spoilt[:, -1:] = 0, 0, 0, 0
    for seed in range(10):
        first, second = (
            recipe.degrade_patch(image, np.random.default_rng(seed))[0] for image in (photo, spoilt)
        )
        np.testing.assert_allclose(first, second, atol=2e-3)
