"""Models that are measured without being shipped."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file

from hiir.models.release import ReleaseError, load_release, write_release, zoo_path
from hiir.training.checkpoint import Checkpoint
from hiir.training.config import TrainingConfig
from hiir.training.loop import train
from hiir.training.portable_run import write_portable
from hiir.training.run_folder import RunFolder
from hiir.training.trained_model import read_run, read_weights_files, state_of


@pytest.fixture
def run(make_config, tmp_path: Path) -> RunFolder:
    """Of a changed preset."""
    folder = RunFolder(tmp_path / "run")
    train(make_config(steps=1), folder)
    return folder


def save_state(path: Path, config: TrainingConfig | None, tensors: dict) -> Path:
    metadata = {} if config is None else {"config": yaml.safe_dump(as_json(config))}
    save_file(tensors, path, metadata=metadata)
    return path


def as_json(config: TrainingConfig) -> object:
    return json.loads(config.model_dump_json())


def averages(checkpoint: Checkpoint, dtype: torch.dtype = torch.float32) -> dict:
    return {f"average/{name}": t.to(dtype) for name, t in checkpoint.average.items()}


def test_a_run_of_a_changed_preset_is_measured_with_its_averaged_weights(run: RunFolder) -> None:
    release, checkpoint = read_run(run), run.load()
    state = release.model.state_dict()
    assert state.keys() == checkpoint.average.keys()
    assert all(torch.equal(state[name], t) for name, t in checkpoint.average.items())
    assert not all(torch.equal(state[name], t) for name, t in checkpoint.weights.items())
    assert not release.model.training
    contract = release.contract
    assert (contract.name, contract.task) == ("denoise-color", "denoise-color")
    assert contract.provenance["steps"] == "1"
    # The size that the changed network works on, not the preset's.
    assert contract.size_multiple == release.model.config.size_multiple
    assert contract.tile % contract.size_multiple == 0
    assert contract.tile == 64


def test_the_state_of_the_best_validation_is_read_on_request(run: RunFolder) -> None:
    last = run.load()
    run.best.path.mkdir(exist_ok=True)
    run.best.save(replace(last, step=7))
    assert state_of(run)[1].step == last.step
    assert state_of(run, best=True)[1].step == 7


def test_a_tile_is_enlarged_to_what_a_changed_network_needs(run: RunFolder) -> None:
    config = run.config()
    wider = config.model_copy(
        update={
            "model": {**config.model, "regions": [32, 32, 32]},
            "phases": (config.phases[0].model_copy(update={"patch": 256}),),
        }
    )
    (run.path / "config.yaml").write_text(yaml.safe_dump(as_json(wider)))
    contract = read_run(run).contract
    assert contract.tile == contract.size_multiple == 256


def test_a_training_state_is_read_in_one_file_or_in_parts(run: RunFolder, tmp_path: Path) -> None:
    tensors, config = averages(run.load(), torch.float16), run.config()
    # What else a state holds is not the model's.
    momentum = {"momentum/x": torch.zeros(3)}
    whole = save_state(tmp_path / "state.safetensors", config, tensors | momentum)
    names = sorted(tensors)
    parts = [
        save_state(tmp_path / "1.safetensors", config, {n: tensors[n] for n in names[::2]}),
        save_state(tmp_path / "2.safetensors", None, {n: tensors[n] for n in names[1::2]}),
    ]
    expected = {name: t.half().float() for name, t in run.load().average.items()}
    for release in (read_weights_files([whole]), read_weights_files(parts)):
        state = release.model.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
    with pytest.raises(ReleaseError, match="weights of another network"):
        read_weights_files(parts[:1])


def test_what_a_run_carries_between_machines_is_measured(run: RunFolder, tmp_path: Path) -> None:
    files = write_portable(tmp_path / "carried", run, run.load())
    state = read_weights_files(files).model.state_dict()
    for name, tensor in run.load().average.items():
        torch.testing.assert_close(state[name], tensor, rtol=1e-3, atol=1e-6)


def test_a_released_file_is_measured_by_its_own_contract(tmp_path: Path) -> None:
    shipped = load_release("denoise-gray")
    contract = replace(shipped.contract, name="mine")
    path = tmp_path / "mine.safetensors"
    weights = dict(shipped.model.state_dict())
    write_release(path, weights=weights, contract=contract, dtype=torch.float16)
    release = read_weights_files([path])
    assert (release.contract.name, release.contract.task) == ("mine", "denoise-gray")
    assert read_weights_files([zoo_path("sr-x4")]).contract.scale == 4


def test_what_is_no_model_is_named(run: RunFolder, tmp_path: Path) -> None:
    bare, text = tmp_path / "bare.safetensors", tmp_path / "text.safetensors"
    save_file({"average/x": torch.zeros(1)}, bare)
    text.write_text("no tensors")
    for path, message in (
        (tmp_path / "absent", "absent is not a file"),
        (text, r"text\.safetensors: "),
        (bare, "neither a model's contract nor a run's configuration"),
    ):
        with pytest.raises(ReleaseError, match=message):
            read_weights_files([path])
    broken = tmp_path / "broken.safetensors"
    save_file({"average/x": torch.zeros(1)}, broken, metadata={"config": "name: x"})
    with pytest.raises(ReleaseError, match="its configuration cannot be read"):
        read_weights_files([broken])
    values = {**averages(run.load())}
    values[next(iter(values))].fill_(float("nan"))
    with pytest.raises(ReleaseError, match="not finite"):
        read_weights_files([save_state(tmp_path / "nan.safetensors", run.config(), values)])


def test_a_folder_that_is_no_run_is_named(make_config, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="absent is not the folder of a run"):
        read_run(RunFolder(tmp_path / "absent"))
    begun = RunFolder(tmp_path / "begun")
    begun.begin(make_config(), {})
    with pytest.raises(ReleaseError, match="has no checkpoint"):
        read_run(begun)
