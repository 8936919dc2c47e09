import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hiir.models.release import read_release
from hiir.training import run_folder
from hiir.training.config import TrainingConfig
from hiir.training.loop import train
from hiir.training.release import release_run
from hiir.training.run_folder import RunFolder


@pytest.fixture(autouse=True)
def restored_signals():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def log(run: RunFolder) -> list[dict]:
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]


def test_a_resumed_run_ends_with_the_very_weights_of_an_uninterrupted_one(
    make_config, tmp_path: Path
) -> None:
    straight, resumed = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "resumed")
    train(make_config(steps=4), straight)
    # Same schedule, stopped in the middle by what a user would do.
    config = make_config(steps=4)
    stop_after(config, resumed, steps=2)
    assert resumed.load().step == 2
    train(config, resumed)
    expected, actual = straight.load(), resumed.load()
    assert actual.step == expected.step == 4
    for group in ("weights", "average", "first_moment", "second_moment"):
        for name, tensor in getattr(expected, group).items():
            assert torch.equal(getattr(actual, group)[name], tensor), f"{group}/{name}"


def stop_after(config: TrainingConfig, run: RunFolder, *, steps: int) -> None:
    """Train until the log has so many lines, then send this process an interrupt."""
    plain = run.log

    def log_and_interrupt(**values: object) -> None:
        plain(**values)
        if values["step"] == steps:
            os.kill(os.getpid(), signal.SIGINT)

    run.log = log_and_interrupt
    try:
        train(config, run)
    finally:
        del run.log


def test_training_learns(make_config, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    # One level, so that the loss of a step says something of the weights alone.
    train(make_config("data.sigma_min=50", "data.sigma_max=50", steps=60), run)
    losses = [line["loss"] for line in log(run)]
    assert sum(losses[-10:]) < 0.92 * sum(losses[:10])


def test_validation_is_of_the_averaged_weights_and_logged(make_config, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config("validate_every=2", steps=2), run)
    (scores,) = (line["validation"] for line in log(run) if "validation" in line)
    assert scores["sigma25"] == pytest.approx(20.2, abs=1)  # barely trained: about the noise alone


def test_a_run_folder_says_what_it_was_started_from(make_config, tmp_path: Path) -> None:
    run, config = RunFolder(tmp_path / "run"), make_config(steps=1)
    train(config, run)
    assert run.config() == config
    assert {"git", "python", "torch", "machine", "processes"} == set(run.environment())


def test_a_full_disk_leaves_the_last_checkpoint_whole(make_config, tmp_path, monkeypatch) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=1), run)

    def fill(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(run_folder, "save_file", fill)
    with pytest.raises(OSError, match="no space"):
        train(make_config(steps=2), run)
    assert run.load().step == 1


def test_two_processes_share_a_run(make_config, photos: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    config = make_config(steps=2)
    path = tmp_path / "config.yaml"
    run.begin(config)
    (run.path / "config.yaml").rename(path)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    command += ["-m", "hiir.cli", "train", str(path), "--run-dir", str(run.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert run.environment()["processes"] == "2"
    assert [line["step"] for line in log(run)] == [1, 2]
    assert run.load().step == 2


def test_a_released_run_carries_what_it_reached(make_config, photos: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=1), run)
    path = tmp_path / "model.safetensors"
    contract = release_run(run, path, test_sets=[photos / "validation"])
    assert read_release(path).contract == contract
    assert contract.quality["validation-sigma25-psnr"] == pytest.approx(20.2, abs=1)
    assert contract.provenance["steps"] == "1"
    assert contract.provenance["run-torch"] == torch.__version__


def test_a_run_without_a_checkpoint_cannot_be_released(make_config, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.begin(make_config())
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        release_run(run, tmp_path / "model.safetensors", test_sets=[])
