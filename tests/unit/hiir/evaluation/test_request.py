from pathlib import Path

import pytest
from PIL import Image

from hiir.datasets.photo import Colour
from hiir.degradations.recipe import read_recipe
from hiir.evaluation.conventions import Convention
from hiir.evaluation.degradation import Noise
from hiir.evaluation.request import EvaluationRequest, RequestError
from hiir.evaluation.samples import PairedSet, SyntheticSet


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
    assert down.convention() == Convention(on_luma=True, shave=3)


def test_malvar_needs_no_word(folder: Path) -> None:
    samples = ask(folder, model="malvar").samples()
    assert samples.degradation.recipe == read_recipe("[{kind: bayer, patterns: [rggb]}]")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say how the images are degraded: --sigma"),
        ({"sigma": 25, "quality": 10}, "give one of --sigma and --quality"),
        ({"pairs": True, "sigma": 25}, "leave out --sigma"),
        ({"sigma": 300}, "sigma goes from 0 to 255"),
        ({"quality": 0}, "quality goes from 1 to 100"),
        ({"scale": 1}, "greater than or equal to 2"),
    ],
)
def test_what_is_not_clear_is_asked(folder: Path, options, message) -> None:
    with pytest.raises(RequestError, match=message):
        ask(folder, **options).samples()


def test_gray_files_are_measured_as_gray(folder: Path, tmp_path: Path) -> None:
    assert ask(folder, sigma=25).convention() == Convention()
    assert ask(folder, sigma=25, gray=True).convention() == Convention(colour=Colour.GRAY)
    assert ask(folder, quality=10, gray=True).convention() == Convention(colour=Colour.LUMA)
    grays = tmp_path / "grays"
    grays.mkdir()
    Image.new("L", (16, 16)).save(grays / "0.png")
    assert ask(grays, sigma=25).convention() == Convention(colour=Colour.GRAY)


def test_pairs_tell_their_own_scale(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "a_gt.png")
    request = ask(tmp_path, model="bicubic", pairs=True)
    assert request.samples() == PairedSet(folder=tmp_path)
    assert request.convention() == Convention(on_luma=True, shave=2)
    assert request.restorer().restore is not None


def test_a_graph_that_was_not_exported_is_named(folder: Path, tmp_path: Path) -> None:
    request = ask(folder, model="denoise-color", sigma=25, engine="onnx", repository=tmp_path)
    with pytest.raises(RequestError, match="run `hiir export denoise-color` first"):
        request.restorer()
