import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file

from hiir.evaluation.tiling_artifacts import tiling_from_quality
from hiir.models.release import ReleaseError, read_release
from hiir.training import checkpoint, loop
from hiir.training.checkpoint import CheckpointError
from hiir.training.config import Compile, ConfigError, TrainingConfig
from hiir.training.flat_weights import WeightsMismatchError
from hiir.training.loop import train
from hiir.training.release_run import release_run
from hiir.training.run_folder import RunFolder


def log(run: RunFolder) -> list[dict]:
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "override", ["bf16=false", "bf16=true", "optimizer.kind=muon", "optimizer.kind=adam"]
)
def test_a_resumed_run_ends_with_the_very_weights_of_an_uninterrupted_one(
    make_config, tmp_path: Path, override: str
) -> None:
    straight, resumed = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "resumed")
    # Same schedule, stopped in the middle by what a user would do.
    config = make_config(override, steps=4)
    train(config, straight)
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


def test_validation_is_of_the_averaged_weights_and_logged(make_config, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config("validate_every=2", steps=2), run)
    (scores,) = (line["validation"] for line in log(run) if "validation" in line)
    assert scores["sigma25"] == pytest.approx(20.2, abs=1)  # barely trained: about the noise alone


def test_a_run_folder_says_what_it_was_started_from(make_config, tmp_path: Path) -> None:
    run, config = RunFolder(tmp_path / "run"), make_config(steps=1)
    train(config, run)
    assert run.config() == config
    environment = run.environment()
    assert {"git", "python", "torch", "machine", "device", "processes"} <= set(environment)
    assert (environment["processes"], environment["device"]) == ("1", "cpu")


def test_a_full_disk_leaves_the_last_checkpoint_whole(make_config, tmp_path, monkeypatch) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=1), run)

    def fill(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoint, "save_file", fill)
    with pytest.raises(CheckpointError, match="no space"):
        train(make_config(steps=2), run, allow_changed=True)
    assert run.load().step == 1


def test_a_disk_that_is_full_for_a_while_does_not_end_the_run(
    make_config, tmp_path, monkeypatch, caplog
) -> None:
    run, plain, tries = RunFolder(tmp_path / "run"), checkpoint.save_file, []

    def fill_once(tensors: object, path: Path, metadata: object) -> None:
        tries.append(path)
        if len(tries) == 1:
            raise SafetensorError("No space left on device (os error 28)")
        plain(tensors, path, metadata=metadata)

    monkeypatch.setattr(checkpoint, "save_file", fill_once)
    train(make_config("checkpoint_every=1", steps=2), run)
    assert run.load().step == 2
    assert "no checkpoint of step 1: cannot write" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["fabric", "torchrun"])
def test_two_processes_have_the_loss_curve_of_one(make_config, tmp_path, launcher: str) -> None:
    phases = "phases=[{{until: 3, batch: {batch}, patch: 64}}]"
    alone, together = RunFolder(tmp_path / "alone"), RunFolder(tmp_path / "together")
    train(make_config(phases.format(batch=2)), alone)
    path = tmp_path / "config.yaml"
    config = make_config(phases.format(batch=1))
    path.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    hiir = ["-m", "hiir.cli", "train", str(path), "--run-dir", str(together.path)]
    hiir += ["--accelerator", "cpu"]
    elastic = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    elastic += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    command = [*elastic, *hiir] if launcher == "torchrun" else [*hiir, "--devices", "2"]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    assert together.environment()["processes"] == "2"
    curves = [[line["loss"] for line in log(run)] for run in (alone, together)]
    assert len(curves[0]) == 3
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    expected, actual = alone.load(), together.load()
    assert actual.step == expected.step == 3
    # Two halves of a batch are summed in another order than the whole.
    for name, tensor in expected.weights.items():
        torch.testing.assert_close(actual.weights[name], tensor, rtol=1e-3, atol=1e-4)


def test_batches_prepared_ahead_are_the_same_batches(make_config, tmp_path: Path) -> None:
    runs = [RunFolder(tmp_path / name) for name in ("none", "two")]
    for run, workers in zip(runs, (0, 2), strict=True):
        train(make_config(f"data.workers={workers}", steps=3), run)
    first, second = (run.load().weights for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_half_precision_learns_what_full_precision_does(make_config, tmp_path: Path) -> None:
    runs = [RunFolder(tmp_path / bf16) for bf16 in ("false", "true")]
    for run in runs:
        train(make_config(f"bf16={run.path.name}", steps=4), run)
    full, half = ([line["loss"] for line in log(run)] for run in runs)
    assert full != half
    assert half == pytest.approx(full, rel=0.02)


def test_machines_that_do_not_share_the_folder_are_refused(
    make_config, tmp_path: Path, monkeypatch
) -> None:
    """The other process of two has found no checkpoint: the largest of its negated steps is 0."""
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=2), run)
    monkeypatch.setattr(loop.Fabric, "world_size", 2)

    def with_another(steps: torch.Tensor, *, op: object) -> None:
        steps.copy_(torch.maximum(steps, torch.zeros_like(steps)))

    monkeypatch.setattr(torch.distributed, "all_reduce", with_another)
    with pytest.raises(ConfigError, match="from step 0 and from step 2: all machines must share"):
        train(make_config(steps=2), run)


@pytest.mark.parametrize(
    "change", ["optimizer.lr=1e-5", "data.synthetic_share=0.5", "data.degradation=[{kind: file}]"]
)
def test_another_experiment_does_not_resume_a_run_unless_that_is_allowed(
    make_config, tmp_path: Path, change: str
) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=1), run)
    other = make_config(change, "name=other", steps=1)
    key = change.partition(".")[0]
    with pytest.raises(ConfigError, match=rf"a run of denoise-color, .* other: name, {key} differ"):
        train(other, run)
    assert run.config().name == "denoise-color"
    train(other, run, allow_changed=True)
    kept = sorted(path.name for path in (run.path / "stages").iterdir())
    assert kept == ["01-denoise-color.yaml", "02-other.yaml"]


def test_a_run_may_be_resumed_with_another_way_to_log_and_compute(make_config, tmp_path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=2), run, seconds=0)
    train(make_config("log_every=2", "data.workers=1", "validate_every=1", steps=2), run)
    assert run.load().step == 2
    assert len(list((run.path / "stages").iterdir())) == 1


def test_a_checkpoint_of_another_network_is_refused(make_config, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=1), run)
    other = make_config("model={width: 16, layers: [1, 1, 1], decoder_layers: [1, 1]}", steps=1)
    with pytest.raises(WeightsMismatchError, match=r"conv_first.weight measures \(8, 12, 3, 3\)"):
        train(other, run, allow_changed=True)


def test_a_run_stops_when_its_time_is_over_and_goes_on_later(make_config, tmp_path) -> None:
    run, config = RunFolder(tmp_path / "run"), make_config(steps=3)
    for step in (1, 2, 3, 3):
        train(config, run, seconds=0)
        assert run.load().step == step


def test_the_log_says_how_fast_and_how_long_data_was_waited_for(make_config, tmp_path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=2), run)
    for line in log(run):
        assert line["images_per_second"] == pytest.approx(1 / line["seconds"])
        assert 0 < line["waiting"] < 1


def test_tensorboard_is_given_the_figures_of_the_log(make_config, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config("tensorboard=true", "validate_every=1", steps=1), run)
    (events,) = (run.path / "tensorboard").iterdir()
    content = events.read_bytes()
    for name in (b"loss", b"images_per_second", b"psnr/sigma25"):
        assert name in content


def test_data_that_does_not_fit_the_network_is_refused(make_config, tmp_path: Path) -> None:
    config = make_config("preset=ushape-compact-gray", "model={}")
    with pytest.raises(ConfigError, match="3 channels in and 3 out, ushape-compact-gray takes 1"):
        train(config, RunFolder(tmp_path / "run"))


@pytest.mark.parametrize("wanted", ["no", "layers", "network"])
def test_a_run_trains_the_network_that_its_configuration_wants(
    make_config, tmp_path: Path, monkeypatch, wanted: str
) -> None:
    asked = []

    def remember(network: torch.nn.Module, mode: Compile, *, device: torch.device) -> object:
        asked.append((mode, device.type))
        return network

    monkeypatch.setattr(loop, "compiled", remember)
    train(make_config(f"compile='{wanted}'", steps=1), RunFolder(tmp_path / "run"))
    assert asked == [(wanted, "cpu")]


@pytest.mark.slow
def test_a_released_run_carries_what_it_reached(make_config, photos: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config("model={}", steps=1), run)
    path = tmp_path / "model.safetensors"
    with pytest.raises(ReleaseError, match=r"drawn-text-psnr is .* dB, must be at least 35"):
        release_run(run, path, test_sets=[photos / "validation"])
    assert not path.exists()
    contract = release_run(run, path, test_sets=[photos / "validation"], below_gate=True)
    assert read_release(path).contract == contract
    assert contract.quality["validation-sigma25-psnr"] == pytest.approx(20.2, abs=1)
    assert contract.quality["validation-sigma25-input-psnr"] == pytest.approx(20.2, abs=0.3)
    worst, mean = (contract.quality[f"validation-clean{kind}-psnr"] for kind in ("-worst", ""))
    assert 20 < worst <= mean <= 99
    assert contract.quality["validation-clean-color-shift"] > 0
    assert contract.quality["cpu-seconds-per-megapixel"] > 0
    assert set(tiling_from_quality(contract.quality)) == {"gradient", "noise", "photo"}
    assert contract.provenance["steps"] == "1"
    assert contract.provenance["run-torch"] == torch.__version__


def test_a_run_without_a_checkpoint_cannot_be_released(make_config, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.begin(make_config(), {})
    with pytest.raises(ReleaseError, match="no checkpoint"):
        release_run(run, tmp_path / "model.safetensors", test_sets=[])


def test_a_changed_preset_cannot_be_released(make_config, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config("model={layers: [1, 1, 1]}", steps=1), run)
    with pytest.raises(ConfigError, match="with changes"):
        release_run(run, tmp_path / "model.safetensors", test_sets=[])


def test_a_run_starts_from_a_released_model_where_it_fits(make_config, tmp_path: Path) -> None:
    first = RunFolder(tmp_path / "first")
    # A whole preset: what is released is built again by its name.
    train(make_config("model={}", steps=1), first)
    released = tmp_path / "first.safetensors"
    release_run(first, released, test_sets=[], below_gate=True)
    learned = load_file(released)
    gray = RunFolder(tmp_path / "gray")
    train(
        make_config(
            f"init={released}",
            "model={}",
            "preset=ushape-compact-gray",
            "data.color=gray",
            "optimizer.lr=1e-12",
            steps=1,
        ),
        gray,
    )
    started = gray.load().weights
    fitting = {name for name, tensor in started.items() if learned[name].shape == tensor.shape}
    # Stem and tail are of another width, and nothing else.
    assert 0 < len(started) - len(fitting) <= 8
    for name in fitting:
        torch.testing.assert_close(started[name], learned[name].float(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_start_that_cannot_be_read_is_named(make_config, tmp_path: Path, content) -> None:
    path = tmp_path / "start.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"init: .*start\.safetensors cannot be read"):
        train(make_config(f"init={path}", steps=1), RunFolder(tmp_path / "run"))


def test_a_resumed_run_does_not_ask_for_what_it_began_with(make_config, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=1), run)
    config = make_config(f"init={tmp_path / 'gone.safetensors'}", steps=2)
    train(config, run, allow_changed=True)
    assert run.load().step == 2
