from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hiir.datasets.photo_files import ColorMode
from hiir.degradations.recipe import read_recipe
from hiir.evaluation.baselines import BaselineError
from hiir.evaluation.evaluation_request import EvaluationRequest, RequestError
from hiir.evaluation.protocols import EvaluationProtocol
from hiir.evaluation.seeded_degradation import Noise
from hiir.evaluation.test_sets import PairedSet, SyntheticSet
from hiir.models.release import load_release


def ask(folder: Path, **options) -> EvaluationRequest:
    return EvaluationRequest(**{"model": "input", "folder": folder, **options})


def test_sigma_is_noise(folder: Path) -> None:
    samples = ask(folder, sigma=25, seed=2, clip=True).samples()
    assert samples == SyntheticSet(folder=folder, degradation=Noise(sigma=25, seed=2, clip=True))


def test_quality_and_scale_are_what_the_literature_does(folder: Path) -> None:
    jpeg = ask(folder, quality=10).samples().degradation.recipe
    assert jpeg == read_recipe("[{kind: jpeg, quality: 10, aligned: true}]")
    down = ask(folder, model="bicubic", scale=3)
    assert down.samples().scale == 3
    assert down.protocol() == EvaluationProtocol(on_luma=True, shave=3)


def test_malvar_needs_no_word(folder: Path) -> None:
    samples = ask(folder, model="malvar").samples()
    assert samples.degradation.recipe == read_recipe("[{kind: bayer, patterns: [rggb]}]")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say how the images are degraded: --sigma"),
        ({"sigma": 25, "quality": 10}, "give one of --sigma and --quality"),
        ({"pairs": True, "sigma": 25}, "leave out --sigma"),
        ({"sigma": 300}, "sigma must be within 0 to 255"),
        ({"quality": 0}, "quality must be within 1 to 100"),
        ({"scale": 1}, "greater than or equal to 2"),
    ],
)
def test_what_is_not_clear_is_asked(folder: Path, options, message) -> None:
    with pytest.raises(RequestError, match=message):
        ask(folder, **options).samples()


def test_gray_files_are_measured_as_gray(folder: Path, tmp_path: Path) -> None:
    assert ask(folder, sigma=25).protocol() == EvaluationProtocol()
    assert ask(folder, sigma=25, gray=True).protocol() == EvaluationProtocol(color=ColorMode.GRAY)
    assert ask(folder, quality=10, gray=True).protocol() == EvaluationProtocol(color=ColorMode.LUMA)
    grays = tmp_path / "grays"
    grays.mkdir()
    Image.new("L", (16, 16)).save(grays / "0.png")
    assert ask(grays, sigma=25).protocol() == EvaluationProtocol(color=ColorMode.GRAY)


def test_pairs_tell_their_own_scale(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "a_gt.png")
    request = ask(tmp_path, model="bicubic", pairs=True)
    assert request.samples() == PairedSet(folder=tmp_path)
    assert request.protocol() == EvaluationProtocol(on_luma=True, shave=2)
    assert request.restorer().restore is not None


def test_malvar_samples_the_pattern_of_the_degradation(folder: Path) -> None:
    of_one = ask(folder, recipe=read_recipe("[{kind: bayer, patterns: [bggr]}]"))
    samples = next(iter(of_one.samples().read(ColorMode.RGB)))
    restored = of_one.restorer("malvar").restore(samples.degraded)
    np.testing.assert_allclose(restored, samples.degraded, atol=1e-6)
    for options in ({"recipe": read_recipe("[{kind: bayer}]")}, {"sigma": 25.0}):
        with pytest.raises(BaselineError, match="all mosaics have one pattern"):
            ask(folder, **options).restorer("malvar")


def test_a_model_that_is_not_shipped_runs_in_torch_alone(folder: Path) -> None:
    release = load_release("denoise-color")
    with pytest.raises(RequestError, match="--engine onnx measures what was exported"):
        ask(folder, model="mine", release=release, engine="onnx")


def test_a_baseline_beside_a_model_must_be_one(folder: Path) -> None:
    with pytest.raises(RequestError, match="no baseline 'sr-x2'; there are input, bicubic"):
        ask(folder, model="denoise-color", sigma=25).restorer("sr-x2")


def test_a_graph_that_was_not_exported_is_named(folder: Path, tmp_path: Path) -> None:
    request = ask(folder, model="denoise-color", sigma=25, engine="onnx", repository=tmp_path)
    with pytest.raises(RequestError, match="run `hiir export denoise-color` first"):
        request.restorer()
