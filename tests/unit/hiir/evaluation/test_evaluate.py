import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiir.datasets.packed_images import DatasetError
from hiir.datasets.photo_files import ColorMode
from hiir.degradations.recipe import Recipe, read_recipe
from hiir.evaluation.baselines import build_baseline
from hiir.evaluation.evaluate import Evaluation, EvaluationError, evaluate, score
from hiir.evaluation.metrics import MAX_PSNR, SsimWindow, luma, psnr
from hiir.evaluation.protocols import (
    EvaluationProtocol,
    Family,
    family_of_recipe,
    family_of_task,
    protocol_of,
)
from hiir.evaluation.report import draw_strip, to_markdown
from hiir.evaluation.seeded_degradation import Noise, Synthetic, degradation_of
from hiir.evaluation.test_sets import PairedSet, Sample, SyntheticSet


def measure(folder: Path, noise: Noise, protocol: EvaluationProtocol | None = None) -> Evaluation:
    samples = SyntheticSet(folder=folder, degradation=noise)
    return evaluate(build_baseline("input"), samples, protocol)


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_unclipped_noise_alone_has_the_published_psnr(folder: Path, sigma: float) -> None:
    # 20 log10(255 / sigma): 24.61, 20.17 and 14.15 dB in the literature's tables.
    expected = pytest.approx(20 * math.log10(255 / sigma), abs=0.1)
    assert measure(folder, Noise(sigma=sigma)).psnr == expected
    gray = EvaluationProtocol(color=ColorMode.GRAY)
    assert measure(folder, Noise(sigma=sigma), gray).psnr == pytest.approx(
        20 * math.log10(255 / sigma), abs=0.15
    )


def test_clipping_helps_the_noisy_image(folder: Path) -> None:
    unclipped, clipped = (measure(folder, Noise(sigma=50, clip=clip)) for clip in (False, True))
    assert clipped.psnr > unclipped.psnr + 0.2


def test_figures_are_repeatable_and_depend_on_the_seed(folder: Path) -> None:
    first, again, other = (measure(folder, Noise(sigma=25, seed=s)).psnr for s in (0, 0, 1))
    assert first == again != other


def test_the_noise_of_a_seed_and_an_index_stays_what_it_was() -> None:
    # Published figures were measured with it.
    noisy = Noise(sigma=25).degrade(np.full((1, 2, 3), 128, np.uint8), 1)
    first = [0.5668, 0.5281, 0.5080, 0.5629, 0.4577, 0.4857]
    np.testing.assert_allclose(noisy.ravel(), first, atol=5e-4)


def test_images_of_a_set_have_different_noise() -> None:
    clean = np.full((8, 8, 3), 128, np.uint8)
    noise = Noise(sigma=25)
    assert not np.array_equal(noise.degrade(clean, 0), noise.degrade(clean, 1))


def test_a_recipe_of_noise_alone_is_drawn_as_sigma_is() -> None:
    alone = Recipe.model_validate([{"kind": "noise", "sigma": 25, "clip_share": 1}])
    assert degradation_of(alone, seed=3) == Noise(sigma=25, seed=3, clip=True)
    mixed = Recipe.model_validate([{"kind": "noise", "sigma": 25}, {"kind": "file"}])
    assert degradation_of(mixed, seed=3) == Synthetic(recipe=mixed, seed=3)


def test_json_holds_the_means_and_every_image(folder: Path) -> None:
    evaluation = measure(folder, Noise(sigma=25))
    report = json.loads(json.dumps(evaluation.to_json()))
    assert report["n"] == len(report["images"]) == 3
    for figure, places in (("psnr", 4), ("ssim", 4), ("mae", 4)):
        mean = np.mean([image[figure] for image in report["images"]])
        assert report[figure] == pytest.approx(mean, abs=10**-places)
    assert [image["name"] for image in report["images"]] == ["0.png", "1.png", "2.png"]
    assert "lpips" not in report


def test_markdown_has_a_row_an_image_the_mean_and_the_baselines(folder: Path) -> None:
    evaluation = measure(folder, Noise(sigma=25))
    table = to_markdown(evaluation, {"input": evaluation})
    assert table.count("\n") == 6
    assert "**mean of 3**" in table
    assert table.splitlines()[-1].startswith("| input | 20.")


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        measure(tmp_path, Noise(sigma=25))


def test_super_resolution_is_scored_on_luma_without_its_border() -> None:
    random = np.random.default_rng(0)
    clean, restored = (random.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(2))
    sample = Sample(name="x", clean=clean, degraded=np.zeros((10, 12, 3), np.float32))
    protocol = protocol_of(Family.OTHER, scale=4)
    expected = psnr(luma(clean[4:-4, 4:-4]), luma(restored[4:-4, 4:-4]))
    assert score(sample, restored, protocol).psnr == expected
    spoilt = restored.copy()
    spoilt[:4], spoilt[:, -4:] = 0, 255
    assert score(sample, spoilt, protocol).psnr == expected


def test_a_gray_file_is_its_own_luma() -> None:
    pixels = np.full((20, 20, 3), 100, np.uint8)
    degraded = np.zeros((20, 20, 3), np.float32)
    on_luma = EvaluationProtocol(on_luma=True)
    for gray, error in ((True, 10.0), (False, 10 * 219 / 255)):
        sample = Sample(name="x", clean=pixels, degraded=degraded, gray=gray)
        figures = score(sample, pixels + 10, on_luma)
        assert figures.psnr == pytest.approx(20 * math.log10(255 / error), abs=1e-3)


@pytest.mark.parametrize(
    ("task", "scale", "gray", "expected"),
    [
        ("denoise-color", 1, False, EvaluationProtocol()),
        ("denoise-gray", 1, True, EvaluationProtocol(color=ColorMode.GRAY)),
        ("jpeg-color", 1, False, EvaluationProtocol()),
        ("jpeg-gray", 1, True, EvaluationProtocol(color=ColorMode.LUMA)),
        ("sr-x3", 3, False, EvaluationProtocol(on_luma=True, shave=3)),
        ("weather", 1, False, EvaluationProtocol(on_luma=True, full_range=True, rgb_beside=True)),
        ("deblur-motion", 1, False, EvaluationProtocol()),
        ("deblur-defocus-dp", 1, False, EvaluationProtocol(ssim_window=SsimWindow.UNIFORM)),
    ],
)
def test_each_task_has_its_convention(task, scale, gray, expected) -> None:
    assert protocol_of(family_of_task(task), scale=scale, gray=gray) == expected


@pytest.mark.parametrize(
    ("recipe", "family"),
    [
        ("[{kind: jpeg, quality: 10}]", Family.JPEG),
        ("[{kind: noise, sigma: 5}, {kind: file}]", Family.OTHER),
        ("[{kind: rain, amount: 0.5}, {kind: file}]", Family.WEATHER),
        ("[{kind: defocus, radius: 3}]", Family.DEFOCUS),
        (
            "[{kind: one-of, choices: [{kind: snow, amount: 1}, {kind: fog, density: 1}]}]",
            Family.WEATHER,
        ),
        (
            "[{kind: one-of, choices: [{kind: noise, sigma: 5}, {kind: jpeg, quality: 9}]}]",
            Family.OTHER,
        ),
    ],
)
def test_baselines_are_scored_as_their_degradation_is(recipe: str, family: Family) -> None:
    assert family_of_recipe(read_recipe(recipe)) is family


def test_weather_is_scored_on_full_range_luma_with_rgb_beside() -> None:
    clean = np.full((20, 20, 3), 100, np.uint8)
    restored = clean + np.array([10, 0, 0], np.uint8)
    sample = Sample(name="x", clean=clean, degraded=np.zeros((20, 20, 3), np.float32))
    figures = score(sample, restored, protocol_of(Family.WEATHER))
    # Luma differs by 0.299 * 10, which 8 bits round to 3; one of three channels by 10.
    assert figures.psnr == pytest.approx(20 * math.log10(255 / 3), abs=1e-3)
    assert figures.psnr_rgb == pytest.approx(20 * math.log10(255 / 10) + 10 * math.log10(3))
    assert score(sample, restored, EvaluationProtocol()).psnr_rgb is None
    evaluation = Evaluation(images=(figures,))
    assert evaluation.to_json()["psnr_rgb"] == pytest.approx(figures.psnr_rgb, abs=1e-4)
    assert "PSNR, RGB" in to_markdown(evaluation).splitlines()[0]


def test_an_image_that_comes_back_exactly_has_a_finite_figure() -> None:
    clean = np.full((20, 20, 3), 100, np.uint8)
    sample = Sample(name="x", clean=clean, degraded=np.zeros((20, 20, 3), np.float32))
    protocol = protocol_of(Family.WEATHER)
    evaluation = Evaluation(images=(score(sample, clean, protocol),))
    assert evaluation.psnr == evaluation.psnr_rgb == MAX_PSNR
    json.dumps(evaluation.to_json(), allow_nan=False)


def test_a_restored_image_of_another_size_is_refused() -> None:
    clean = np.zeros((16, 16, 3), np.uint8)
    sample = Sample(name="x.png", clean=clean, degraded=np.zeros((16, 16, 3), np.float32))
    with pytest.raises(EvaluationError, match=r"x\.png: restored to \(8, 8, 3\)"):
        score(sample, np.zeros((8, 8, 3), np.uint8), EvaluationProtocol())


def test_an_image_that_is_too_small_for_ssim_is_named() -> None:
    clean = np.zeros((16, 16, 3), np.uint8)
    sample = Sample(name="x.png", clean=clean, degraded=np.zeros((4, 4, 3), np.float32))
    with pytest.raises(EvaluationError, match=r"x\.png: SSIM needs 11x11 pixels, and \(8, 8\)"):
        score(sample, clean, EvaluationProtocol(on_luma=True, shave=4))


def test_pairs_are_read_as_they_are(tmp_path: Path) -> None:
    Image.new("RGB", (20, 16), (10, 20, 30)).save(tmp_path / "a.png")
    Image.new("RGB", (40, 32), (50, 60, 70)).save(tmp_path / "a_gt.png")
    pairs = PairedSet(folder=tmp_path)
    (sample,) = pairs.read(ColorMode.RGB)
    assert pairs.scale == 2
    assert sample.clean.shape == (32, 40, 3)
    np.testing.assert_allclose(sample.degraded[0, 0] * 255, [10, 20, 30], atol=1e-4)


def test_two_views_are_stacked_and_their_mean_is_the_input(tmp_path: Path) -> None:
    for name, shade in (("a_l", 40), ("a_r", 60), ("a_gt", 50)):
        Image.new("RGB", (16, 16), (shade,) * 3).save(tmp_path / f"{name}.png")
    pairs = PairedSet(folder=tmp_path)
    (sample,) = pairs.read(ColorMode.RGB)
    assert sample.degraded.shape == (16, 16, 6)
    assert evaluate(build_baseline("input"), pairs).mae == pytest.approx(0, abs=1e-6)


def test_a_pair_that_does_not_fit_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (20, 16)).save(tmp_path / "a.png")
    Image.new("RGB", (30, 16)).save(tmp_path / "a_gt.png")
    with pytest.raises(DatasetError, match=r"a\.png measures \(16, 20\)"):
        list(PairedSet(folder=tmp_path).read(ColorMode.RGB))


def test_a_strip_shows_before_after_and_truth(folder: Path) -> None:
    samples = SyntheticSet(folder=folder, degradation=Noise(sigma=25))
    restorer = build_baseline("input")
    strip = draw_strip(evaluate(restorer, samples), restorer, samples, EvaluationProtocol())
    assert strip.size == (3 * 326 + 6, 3 * (64 + 16 + 6) + 6)
    pixels = np.asarray(strip)
    with Image.open(folder / "0.png") as image:
        truth = np.asarray(image)
    found = [
        np.array_equal(pixels[top : top + 64, 658 : 658 + 80], truth) for top in (22, 108, 194)
    ]
    assert sum(found) == 1


def test_a_strip_of_a_single_image_has_one_row(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), (90, 90, 90)).save(tmp_path / "0.png")
    samples = SyntheticSet(folder=tmp_path, degradation=Noise(sigma=25))
    restorer = build_baseline("input")
    strip = draw_strip(evaluate(restorer, samples), restorer, samples, EvaluationProtocol())
    assert strip.size[1] == 32 + 16 + 6 + 6
