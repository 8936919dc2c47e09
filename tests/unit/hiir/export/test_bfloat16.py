"""Graphs in OpenVINO: what it computes in float32 and bfloat16, and what bfloat16 costs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from hiir.degradations.recipe import Recipe
from hiir.evaluation import openvino_tiles
from hiir.evaluation.evaluate import evaluate
from hiir.evaluation.openvino_tiles import OpenVinoTiles, has_bfloat16
from hiir.evaluation.protocols import protocol_for
from hiir.evaluation.restorer import RestorerError, TiledRestorer
from hiir.evaluation.seeded_degradation import degradation_of
from hiir.evaluation.test_sets import SyntheticSet
from hiir.evaluation.torch_tiles import TorchTiles
from hiir.export.bfloat16 import bfloat16_losses
from hiir.export.graph_form import ExportFormat
from hiir.export.onnx import export_onnx
from hiir.models.presets import build_model
from hiir.models.release import Release

PRESET = "ushape-compact-color"


@pytest.fixture
def release(make_contract, scale_up) -> Release:
    torch.manual_seed(0)
    model = scale_up(build_model(PRESET, {"layers": [1, 1, 1], "decoder_layers": [1, 1]}))
    contract = make_contract(architecture=PRESET, tile=128, size_multiple=64)
    return Release(model=model, contract=contract)


@pytest.fixture
def graph(release: Release, tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    export_onnx(release.model, release.contract, path, form=ExportFormat(dynamic_size=True))
    return path


@pytest.mark.parametrize("size", [(128, 128), (64, 128)])
def test_float32_is_what_torch_computes(release: Release, graph: Path, size) -> None:
    engine = OpenVinoTiles(graph)
    assert engine.any_size
    tile = np.random.default_rng(0).random((1, 3, *size), np.float32)
    expected = TorchTiles(release).submit(tile).result()
    np.testing.assert_allclose(engine.submit(tile).result(), expected, atol=1e-4)


def test_a_graph_of_one_size_is_known_as_such(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    export_onnx(release.model, release.contract, path)
    assert not OpenVinoTiles(path).any_size


def test_another_precision_is_refused(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RestorerError, match="'int8' is not one of fp32, bf16"):
        OpenVinoTiles(graph, precision="int8")
    monkeypatch.setattr(openvino_tiles, "has_bfloat16", lambda: False)
    with pytest.raises(RestorerError, match="does not compute in bfloat16"):
        OpenVinoTiles(graph, precision="bf16")


def test_the_loss_by_bfloat16_is_measured_on_each_set(release: Release, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(astronaut()[:192, :192]).save(folder / "a.png")
    recipe = Recipe.model_validate([{"kind": "noise", "sigma": 25}])
    sets = {"photos": SyntheticSet(folder=folder, degradation=degradation_of(recipe, seed=0))}
    restorer = TiledRestorer(contract=release.contract, engine=TorchTiles(release))
    psnr = evaluate(restorer, sets["photos"], protocol_for(release.contract)).psnr
    losses = bfloat16_losses(release, sets, {"photos-psnr": psnr})
    if not has_bfloat16():
        assert losses == {}
        return
    assert losses.keys() == {"photos"}
    assert 0 < abs(losses["photos"]) < 0.5
    higher = bfloat16_losses(release, sets, {"photos-psnr": psnr + 1})
    assert higher["photos"] == pytest.approx(losses["photos"] + 1, abs=2e-3)


def test_a_processor_without_bfloat16_measures_nothing(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_tiles, "has_bfloat16", lambda: False)
    assert bfloat16_losses(release, {}, {}) == {}
