import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from hiir.imaging import ModelContract
from hiir.models.presets import build_model
from hiir.models.release import (
    ReleaseError,
    list_releases,
    load_release,
    read_release,
    write_release,
)

PRESET = "ushape-compact-color"


@pytest.fixture
def contract(make_contract) -> ModelContract:
    return make_contract(name="any", architecture=PRESET, tile=64, size_multiple=64)


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return dict(build_model(PRESET).named_parameters())


def test_what_was_written_is_read_back(tmp_path: Path, contract, weights) -> None:
    path = tmp_path / "any.safetensors"
    write_release(path, weights=weights, contract=contract, dtype=torch.float32)
    release = read_release(path)
    for name, parameter in release.model.named_parameters():
        assert torch.equal(parameter, weights[name])
    assert not release.model.training
    assert replace(release.contract, sha256=contract.sha256) == contract


def test_half_precision_halves_the_file_and_rounds_the_weights(tmp_path, contract, weights) -> None:
    full, half = tmp_path / "full.safetensors", tmp_path / "half.safetensors"
    write_release(full, weights=weights, contract=contract, dtype=torch.float32)
    write_release(half, weights=weights, contract=contract, dtype=torch.float16)
    assert half.stat().st_size < 0.52 * full.stat().st_size
    parameter = next(read_release(half).model.parameters())
    assert parameter.dtype == torch.float32


def test_the_contract_names_the_very_file(tmp_path: Path, contract, weights) -> None:
    path = tmp_path / "any.safetensors"
    write_release(path, weights=weights, contract=contract, dtype=torch.float32)
    first = read_release(path).contract.sha256
    changed = {**weights, "conv_last.bias": weights["conv_last.bias"] + 1}
    write_release(path, weights=changed, contract=contract, dtype=torch.float32)
    assert read_release(path).contract.sha256 != first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("conv_last.bias"), "Missing key.*conv_last.bias"),
        (lambda w: w.update(extra=torch.zeros(1)), "Unexpected key.*extra"),
        (lambda w: w.update({"conv_last.bias": torch.full((12,), torch.nan)}), "not finite"),
        (lambda w: w.update({"conv_last.bias": torch.zeros(3)}), "size mismatch"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, contract, weights, change, message) -> None:
    change(weights)
    path = tmp_path / "any.safetensors"
    write_release(path, weights=weights, contract=contract, dtype=torch.float32)
    with pytest.raises(ReleaseError, match=f"(?s)any.safetensors.*{message}"):
        read_release(path)


def test_a_file_without_a_contract_is_refused(tmp_path: Path, weights) -> None:
    path = tmp_path / "bare.safetensors"
    save_file({name: tensor.detach() for name, tensor in weights.items()}, path)
    with pytest.raises(ReleaseError, match="missing"):
        read_release(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    path.write_text("not weights")
    with pytest.raises(ReleaseError, match=r"text\.safetensors"):
        read_release(path)


def test_an_unknown_model_is_refused_with_the_shipped_ones() -> None:
    with pytest.raises(ReleaseError, match=r"'nonsense'.*denoise-color"):
        load_release("nonsense")


@pytest.mark.parametrize("name", list_releases())
def test_a_shipped_model_says_where_it_comes_from_and_what_it_reaches(name: str) -> None:
    release = load_release(name)
    assert release.contract.name == name
    assert release.contract.quality
    provenance = set(release.contract.provenance)
    # Files that were released before the key was renamed have "licence".
    provenance = {"license" if key == "licence" else key for key in provenance}
    assert {"data", "license", "recipe", "hardware", "steps"} <= provenance
    path = Path(str(load_release.__globals__["zoo_path"](name)))
    assert path.stat().st_size <= 8_000_000
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["quality"]) == dict(release.contract.quality)
