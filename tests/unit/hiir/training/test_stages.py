"""Experiments that are trained in stages."""

from pathlib import Path

import pytest
import torch
import yaml

from hiir.training.config import ConfigError
from hiir.training.experiments import list_configs, load_config, load_stages
from hiir.training.run_folder import RunFolder
from hiir.training.stages import split_time, train_stages


@pytest.fixture
def staged(make_config, tmp_path: Path) -> Path:
    """An experiment of three stages, as a file."""
    config = make_config(steps=2).model_dump(mode="json")
    path = tmp_path / "staged.yaml"
    stages = [{"name": "first", "seed": 3}, {"name": "second", "phases": config["phases"]}]
    path.write_text(yaml.safe_dump({**config, "name": "staged", "stages": stages}))
    return path


def test_stages_differ_from_the_experiment_and_start_from_the_one_before(staged: Path) -> None:
    first, second, last = load_stages(str(staged), overrides=("init=elsewhere", "ema=0.5"))
    assert (first.name, second.name, last.name) == ("first", "second", "staged")
    assert (first.seed, second.seed, last.seed) == (3, last.seed, load_config(str(staged)).seed)
    assert [stage.init for stage in (first, second, last)] == [
        "elsewhere",
        "../stage-1-first",
        "stage-2-second",
    ]
    assert {stage.ema for stage in (first, second, last)} == {0.5}


def test_a_stage_without_a_name_is_refused(staged: Path) -> None:
    values = yaml.safe_load(staged.read_text())
    staged.write_text(yaml.safe_dump({**values, "stages": [{"seed": 3}]}))
    with pytest.raises(ConfigError, match="stage 1 has no name"):
        load_stages(str(staged))


def test_stages_are_trained_in_order_and_each_begins_with_the_average_before(
    staged: Path, tmp_path: Path
) -> None:
    stages = load_stages(
        str(staged), overrides=("optimizer.lr=1e-12", "optimizer.weight_decay=0.0")
    )
    run = RunFolder(tmp_path / "run")
    assert train_stages(stages, run, accelerator="cpu")
    reached = [RunFolder(run.path / "stage-1-first"), RunFolder(run.path / "stage-2-second"), run]
    checkpoints = [folder.load() for folder in reached]
    assert [found.step for found in checkpoints if found] == [2, 2, 2]
    first, _, last = checkpoints
    assert first is not None
    assert last is not None
    # Next to nothing is learned: the last has the weights that the first drew.
    assert all(
        torch.allclose(w, last.weights[name], atol=1e-6) for name, w in first.weights.items()
    )


def test_a_run_that_is_past_a_stage_does_not_need_it(staged: Path, tmp_path: Path) -> None:
    stages = load_stages(str(staged))
    run = RunFolder(tmp_path / "run")
    train_stages(stages[:1], run, accelerator="cpu")
    assert train_stages(stages, run, accelerator="cpu", allow_changed=True)
    assert not (run.path / "stage-1-first").exists()


def test_an_interrupted_stage_is_not_followed_by_the_next(staged: Path, tmp_path: Path) -> None:
    stages = load_stages(str(staged))
    run = RunFolder(tmp_path / "run")
    assert not train_stages(stages, run, accelerator="cpu", seconds=0.0)
    assert run.load() is None
    assert train_stages(stages, run, accelerator="cpu")


def test_a_time_is_shared_as_the_configured_lengths_are(staged: Path) -> None:
    stages = load_stages(str(staged))
    timed = [
        stage.model_copy(update={"duration": d}) for stage, d in zip(stages, (1, 2, 5), strict=True)
    ]
    assert [stage.duration for stage in split_time(timed, 80)] == [10, 20, 50]
    assert [stage.duration for stage in split_time(stages[:1], 80)] == [80]
    with pytest.raises(ConfigError, match="in steps: first, second, staged"):
        split_time(stages, 80)


@pytest.mark.parametrize("name", list_configs())
def test_the_stages_of_shipped_experiments_are_valid(name: str) -> None:
    stages = load_stages(name)
    assert stages[-1].model_copy(update={"init": None}) == load_config(name).model_copy(
        update={"init": None}
    )
    if len(stages) > 1:
        split_time(stages, 60)
