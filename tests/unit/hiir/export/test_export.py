from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from hiir.export import triton
from hiir.export.onnx import export_onnx, read_fingerprint
from hiir.export.parity import MAX_RELATIVE_ERROR, ParityError, check_parity, relative_error
from hiir.export.triton import export_release, render_config
from hiir.imaging import ModelContract
from hiir.models.presets import PRESETS, build_model
from hiir.models.release import Release
from service.models import ModelCatalogue
from service.text_format import parse_text_format

PRESET = "ushape-compact-color"
SCALE_UP = 6


def scaled_up(preset: str) -> nn.Module:
    """A model whose attention matters: at its initialisation every bias is next to nothing."""
    torch.manual_seed(0)
    model = build_model(preset).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "local" in name or "dispersed" in name:
                parameter.mul_(SCALE_UP)
    return model.freeze()


@pytest.fixture
def contract(make_contract) -> ModelContract:
    return make_contract(architecture=PRESET, tile=64, size_multiple=64)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_graph_and_module_agree_at_scaled_up_weights(preset, make_contract, tmp_path) -> None:
    side = PRESETS[preset].size_multiple
    contract = make_contract(architecture=preset, tile=2 * side, size_multiple=side)
    model, path = scaled_up(preset), tmp_path / "model.onnx"
    export_onnx(model, contract, path)
    for batch in (1, 3):
        assert relative_error(model, contract, path, batch=batch) <= MAX_RELATIVE_ERROR


def test_the_parity_check_sees_the_position_bias(contract, tmp_path: Path) -> None:
    model, path = scaled_up(PRESET), tmp_path / "model.onnx"
    export_onnx(model, contract, path)
    bias = model.encoder[0].layers[0].dispersed.position_bias
    bias.frozen = bias.frozen.flip(-1)
    with pytest.raises(ParityError, match="relative error"):
        check_parity(model, contract, path)


def test_the_graph_has_one_tile_size_and_any_batch(contract, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    export_onnx(scaled_up(PRESET), contract, path)
    (tensor,) = onnx.load(path).graph.input
    dims = [d.dim_param or d.dim_value for d in tensor.type.tensor_type.shape.dim]
    assert (tensor.name, dims) == ("input", ["batch", 3, 64, 64])
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    tiles = np.random.default_rng(0).random((5, 3, 64, 64), np.float32)
    (together,) = session.run(["output"], {"input": tiles})
    (alone,) = session.run(["output"], {"input": tiles[3:4]})
    np.testing.assert_allclose(together[3:4], alone, atol=1e-5)


def test_the_service_reads_the_contract_from_the_config(contract, tmp_path: Path) -> None:
    folder = tmp_path / contract.name
    folder.mkdir()
    (folder / "config.pbtxt").write_text(render_config(contract))
    assert ModelCatalogue.read(tmp_path).get(contract.name) == contract


def test_the_config_leaves_nothing_to_auto_completion(contract) -> None:
    config = parse_text_format(render_config(contract, instances=5))
    assert config["backend"] == ["onnxruntime"]
    assert config["max_batch_size"] == ["8"]
    assert config["instance_group"] == [{"count": ["5"]}]
    tensor = {"data_type": ["TYPE_FP32"], "dims": ["3", "64", "64"]}
    assert config["input"] == [{"name": ["input"], **tensor}]
    assert config["output"] == [{"name": ["output"], **tensor}]


@pytest.fixture
def release(contract, tmp_path: Path, monkeypatch) -> Release:
    weights = tmp_path / "weights"
    weights.write_bytes(b"first")
    monkeypatch.setattr(triton, "zoo_path", lambda name: weights)
    return Release(model=scaled_up(PRESET), contract=contract)


def test_an_export_is_repeated_only_if_something_changed(release, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    assert export_release(release, repository)
    assert not export_release(release, repository)
    assert export_release(release, repository, instances=3)
    (tmp_path / "weights").write_bytes(b"second")
    assert export_release(release, repository)


def test_a_graph_that_differs_is_not_served(release, tmp_path: Path, monkeypatch) -> None:
    repository = tmp_path / "repository"
    export_release(release, repository)
    graph = repository / release.contract.name / "1" / "model.onnx"
    before = graph.read_bytes()

    def export_another(model, contract, path, *, fingerprint) -> None:
        export_onnx(build_model(PRESET).eval().freeze(), contract, path, fingerprint=fingerprint)

    monkeypatch.setattr(triton, "export_onnx", export_another)
    (tmp_path / "weights").write_bytes(b"second")
    with pytest.raises(ParityError):
        export_release(release, repository)
    assert graph.read_bytes() == before
    assert list(graph.parent.iterdir()) == [graph]


def test_an_absent_graph_has_no_fingerprint(tmp_path: Path) -> None:
    assert read_fingerprint(tmp_path / "model.onnx") is None
