import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from hiir.degradations.contact_sheet import SHEET, contact_sheet
from hiir.degradations.recipe import Recipe, RecipeError, read_recipe

EVERY_KIND = {
    "noise": {"sigma": [5, 50], "clip_share": 0.5},
    "poisson": {"strength": [0.5, 2], "gray_share": 0.5},
    "correlated-noise": {"sigma": [5, 30]},
    "film-grain": {"sigma": [5, 20]},
    "camera": {},
    "file": {},
    "jpeg": {"quality": [10, 40]},
    "downscale": {"factor": 2},
    "motion": {"length": [5, 20]},
    "moving-object": {"length": [5, 20]},
    "defocus": {"radius": [1, 4]},
    "bayer": {},
    "fog": {"density": [0.2, 1]},
    "rain": {"amount": [0.2, 1]},
    "snow": {"amount": [0.2, 1]},
    "raindrops": {"amount": [0.05, 0.2]},
    "blur": {"sigma": [0.5, 3]},
    "chain": {"steps": [{"kind": "noise", "sigma": 20}], "shuffled": True},
    "resized": {"steps": [{"kind": "jpeg", "quality": 10}], "factor": [1, 2]},
    "heavy-rain": {},
    "snowfall": {},
    "window-drops": {"density": 20, "radius": [3, 8]},
    "one-of": {"choices": [{"kind": "noise", "sigma": 20}, {"kind": "jpeg", "quality": 10}]},
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_step_is_a_function_of_seed_and_index(photo, kind: str) -> None:
    recipe = Recipe.model_validate([{"kind": kind, **EVERY_KIND[kind]}])
    before = photo.copy()
    first = recipe.degrade(photo, seed=3, index=5)
    np.testing.assert_array_equal(first, recipe.degrade(photo, seed=3, index=5))
    np.testing.assert_array_equal(photo, before)
    assert first.dtype == np.float32
    assert first.shape[0] == photo.shape[0] // recipe.scale
    if kind not in ("file", "downscale", "bayer"):  # of four patterns two may be the same
        assert not np.array_equal(first, recipe.degrade(photo, seed=3, index=6))
        assert not np.array_equal(first, recipe.degrade(photo, seed=4, index=5))


def test_steps_follow_one_another(photo) -> None:
    recipe = Recipe.model_validate(
        [{"kind": "downscale", "factor": 2}, {"kind": "noise", "sigma": 10}, {"kind": "file"}]
    )
    degraded = recipe.degrade(photo, seed=0, index=0)
    assert recipe.scale == 2
    assert degraded.shape == (48, 60, 3)
    np.testing.assert_allclose(degraded * 255, np.rint(degraded * 255), atol=1e-4)


def test_a_dual_pixel_sensor_gives_two_views(photo) -> None:
    recipe = Recipe.model_validate([{"kind": "defocus", "radius": 6, "dual_pixel": True}])
    views = recipe.degrade(photo, seed=0, index=0)
    assert recipe.views == 2
    assert views.shape == (96, 120, 6)
    assert not np.allclose(views[..., :3], views[..., 3:])


@pytest.mark.parametrize("kind", ["jpeg", "downscale", "motion", "bayer", "blur", "resized"])
def test_a_patch_with_its_margin_is_the_middle_of_a_larger_image(photo, kind: str) -> None:
    recipe = Recipe.model_validate([{"kind": kind, **EVERY_KIND[kind]}])
    margin = recipe.margin
    assert margin % recipe.scale == 0
    random = np.random.default_rng(0)
    degraded, clean = recipe.degrade_patch(photo, random)
    np.testing.assert_array_equal(clean, photo[margin:-margin, margin:-margin])
    whole = recipe.apply(photo, np.random.default_rng(0))
    low = margin // recipe.scale
    np.testing.assert_array_equal(degraded, whole[low:-low, low:-low])


@pytest.mark.parametrize(("extra", "expected"), [({}, 17), ({"frames": 8}, 20)])
def test_the_middle_does_not_depend_on_what_is_beyond_the_margin(
    photo, extra: dict, expected: int
) -> None:
    recipe = Recipe.model_validate([{"kind": "motion", "length": [20, 30], **extra}])
    spoilt = photo.copy()
    margin = recipe.margin
    spoilt[:2], spoilt[-2:], spoilt[:, :2], spoilt[:, -2:] = 0, 0, 1, 1
    for seed in range(20):
        first, second = (
            recipe.degrade_patch(image, np.random.default_rng(seed))[0] for image in (photo, spoilt)
        )
        inner = np.s_[2:-2, 2:-2]
        np.testing.assert_allclose(first[inner], second[inner], atol=1e-3)
    assert margin == expected


def test_averaged_frames_are_another_blur_than_an_open_shutters(photo) -> None:
    motion = {"kind": "motion", "length": 20}
    opened, framed = (
        Recipe.model_validate([{**motion, **extra}]).degrade(photo, seed=0, index=0)
        for extra in ({}, {"frames": 8, "shutter": 0.3})
    )
    assert np.abs(opened - framed).max() > 0.02
    with pytest.raises(ValidationError, match="above 0 and at most 1"):
        Recipe.model_validate([{**motion, "shutter": [0, 0.5]}])


def test_margins_add_up_in_pixels_of_the_clean_image() -> None:
    steps = [{"kind": "downscale", "factor": 3}, {"kind": "jpeg", "quality": 10}]
    assert Recipe.model_validate(steps).margin == 6 + 3 * 16


def test_a_share_of_noise_is_gray(photo) -> None:
    steps = [{"kind": "noise", "sigma": 20, "gray_share": 0.5}]
    recipe, gray = Recipe.model_validate(steps), 0
    for index in range(40):
        noise = recipe.degrade(photo, seed=0, index=index) - photo
        gray += bool(np.abs(noise[..., 0] - noise[..., 1]).max() < 1e-6)
        assert noise.std() * 255 == pytest.approx(20, rel=0.05)
    assert 10 < gray < 30


def test_weights_say_how_often_each_choice_is_drawn(photo) -> None:
    image = photo[:8, :8]
    choices = [{"kind": "noise", "sigma": 0}, {"kind": "noise", "sigma": 50}]
    recipe = Recipe.model_validate([{"kind": "one-of", "choices": choices, "weights": [9, 1]}])
    drawn = [recipe.degrade(image, seed=0, index=index) for index in range(500)]
    noisy = sum(not np.allclose(d, image, atol=1e-3) for d in drawn)
    assert 30 < noisy < 70


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([{"kind": "nonsense"}], "nonsense"),
        ([{"kind": "noise", "sigma": [9, 300]}], "sigma must be within"),
        ([{"kind": "noise", "sigma": 10, "color": 1}], "color"),
        ([{"kind": "jpeg", "quality": [0, 10]}], "quality must be within 1"),
        ([{"kind": "jpeg", "quality": 9, "subsampling": {}}], "at least 1 choice"),
        ([{"kind": "jpeg", "quality": 9, "subsampling": {"4:2:0": 0}}], "greater than 0"),
        ([{"kind": "jpeg", "quality": 9, "subsampling": 14520}], "'4:2:0'"),
        ([{"kind": "jpeg", "quality": 9, "chroma_offset": 101}], "chroma_offset must be within"),
        ([{"kind": "resize", "factor": 0.5}], "resize draws a random size"),
        ([{"kind": "chain", "steps": [{"kind": "resize", "factor": 2}]}], "chain draws a random"),
        ([{"kind": "resized", "steps": [{"kind": "resize", "factor": 9}]}], "within 0.05 to 8"),
        ([{"kind": "resized", "steps": [], "factor": 2}], "at least 1"),
        ([{"kind": "resized", "steps": [{"kind": "file"}], "factor": 99}], "within 0.05 to 8"),
        (
            [{"kind": "resized", "steps": [{"kind": "downscale", "factor": 2}]}],
            "must not have a scale",
        ),
        (
            [{"kind": "chain", "share": 0.5, "steps": [{"kind": "downscale", "factor": 2}]}],
            "share 1 and a fixed order",
        ),
        ([{"kind": "blur", "sigma": 0}], "sigma must be within 0.05 to 20"),
        ([{"kind": "blur", "sigma": 1, "size": 1}], "size must be within 3"),
        ([{"kind": "blur", "sigma": 1, "cutoff": 4}], "cutoff must be within 0.5 to 3.14"),
        ([{"kind": "motion", "length": 9, "highlights": 0.5}], "highlights must be within 1"),
        (
            [{"kind": "motion", "length": 9, "frames": 8, "sharp": "middle"}],
            "exclude each other",
        ),
        ([{"kind": "moving-object", "length": 201}], "length must be within 0 to 200"),
        ([{"kind": "moving-object", "length": 9, "size": 0}], "size must be above 0"),
        ([{"kind": "heavy-rain", "amount": 2}], "a share must be within 0 to 1"),
        ([{"kind": "heavy-rain", "density": 11}], "a density must be within 0 to 10"),
        ([{"kind": "heavy-rain", "length": 0}], "a size must be within 0.3 to 500"),
        ([{"kind": "heavy-rain", "layers": 0}], "layers must be within 1 to 12"),
        ([{"kind": "snowfall", "layers": [1, 13]}], "layers must be within 1 to 12"),
        ([{"kind": "window-drops", "density": 0}], "above 0 and at most 50"),
        ([{"kind": "window-drops", "defocus": 51}], "defocus must be within 0 to 50"),
        ([{"kind": "poisson", "strength": [-1, 2]}], "strength must be within 0"),
        ([{"kind": "correlated-noise", "sigma": [9, 300]}], "sigma must be within"),
        ([{"kind": "correlated-noise", "sigma": 9, "radius": 90}], "radius must be within 0"),
        ([{"kind": "correlated-noise", "sigma": 9, "chroma": -1}], "chroma must be within 0"),
        ([{"kind": "film-grain", "sigma": 9, "radius": 90}], "radius must be within 0"),
        ([{"kind": "camera", "shot": [0, 0.01]}], "above 0 and at most 0.1"),
        ([{"kind": "camera", "sensor": "toaster"}], "'camera' or 'phone'"),
        ([{"kind": "rain", "amount": [0.9, 0.1]}], "from low to high"),
        ([{"kind": "one-of", "choices": []}], "at least 1"),
        ([{"kind": "one-of", "choices": [{"kind": "file"}], "weights": [1, 2]}], "2 weights for 1"),
        ([{"kind": "one-of", "choices": [{"kind": "file"}], "weights": [0]}], "greater than 0"),
        (
            [{"kind": "one-of", "choices": [{"kind": "file"}, {"kind": "downscale", "factor": 2}]}],
            "the same scale",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(steps: list, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(steps)


def test_a_recipe_is_read_from_text_and_from_a_file(tmp_path) -> None:
    text = "[{kind: motion, length: 20}, {kind: noise, sigma: [0, 5]}]"
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert read_recipe(text) == read_recipe(str(path))
    for wrong in ("absent.yaml", "[{kind: nonsense}]", "{", "just words"):
        with pytest.raises(RecipeError, match="invalid recipe"):
            read_recipe(wrong)


def test_noise_of_one_level_is_recognized() -> None:
    assert Recipe.model_validate([{"kind": "noise", "sigma": 25}]).only_noise is not None
    for steps in (
        [{"kind": "noise", "sigma": [5, 25]}],
        [{"kind": "noise", "sigma": 25}, {"kind": "file"}],
        [{"kind": "noise", "sigma": 25, "clip_share": 0.5}],
        [],
    ):
        assert Recipe.model_validate(steps).only_noise is None


def test_the_sheet_has_a_row_a_degradation_and_three_strengths(photo) -> None:
    sheet = contact_sheet(photo, seed=0)
    cell = (photo.shape[0] + 26, photo.shape[1] + 8)
    assert sheet.size == (4 * cell[1] + 8, len(SHEET) * cell[0] + 8)
    assert contact_sheet(photo, seed=0, only=("rain",)).size[1] == cell[0] + 8
    with pytest.raises(KeyError):
        contact_sheet(photo, seed=0, only=("nonsense",))


def test_the_recipes_of_the_docs_can_be_drawn(photo) -> None:
    page = Path(__file__).parents[4] / "docs/08-degradations.md"
    texts = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(texts) >= 4
    for text in texts:
        recipe = read_recipe(text)
        for index in range(6):
            degraded = recipe.degrade(photo, seed=0, index=index)
            assert degraded.shape == (96 // recipe.scale, 120 // recipe.scale, 3)
            assert np.isfinite(degraded).all()
