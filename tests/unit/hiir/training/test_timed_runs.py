"""Runs whose length is a time, from tiles, carried between machines."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from hiir.datasets.shards import write_shards
from hiir.training.checkpoint import CheckpointError, read_files
from hiir.training.experiments import load_config
from hiir.training.loop import train
from hiir.training.portable_run import unpack_run, write_portable
from hiir.training.run_folder import RunFolder

TILES = ("data.loader=tiles", "data.tile=128", "data.buffer=8")


def rates(run: RunFolder) -> list[float]:
    return [line["lr"] for line in map(json.loads, run.log_lines()) if "lr" in line]


def test_a_run_ends_when_its_time_is_over_with_its_rate_annealed(make_config, tmp_path) -> None:
    run = RunFolder(tmp_path / "run")
    config = make_config("duration=6", "schedule.decay_share=0.5", *TILES)
    started = time.monotonic()
    train(config, run)
    assert 6 <= time.monotonic() - started < 20
    checkpoint = run.load()
    assert 6 <= checkpoint.seconds < 9
    peak = config.optimizer.lr
    assert max(rates(run)) == pytest.approx(peak)
    assert rates(run)[-1] < 0.1 * peak
    last = [json.loads(line) for line in run.log_lines()][-1]
    assert "sigma25" in last["validation"]  # of what ships


def test_more_time_continues_from_the_end_of_the_constant_rate(make_config, tmp_path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config("duration=3", *TILES), run)
    short, stable = run.load(), run.stable.load()
    assert 1.5 <= stable.seconds < 3
    train(make_config("duration=8", *TILES), run)
    long = run.load()
    assert long.seconds >= 8
    assert long.step > stable.step
    resumed = rates(run)[short.step :]
    assert resumed[0] == pytest.approx(max(rates(run)))
    assert len(rates(run)) == short.step + long.step - stable.step


@pytest.mark.slow
def test_a_killed_run_resumes_at_its_last_checkpoint(make_config, tmp_path: Path) -> None:
    config = make_config("duration=5", "checkpoint_seconds=1", "data.workers=1", *TILES)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    run = RunFolder(tmp_path / "run")
    command = [sys.executable, "-m", "hiir.cli", "train", str(path), "--run-dir", str(run.path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while run.load() is None and time.monotonic() < until:
        time.sleep(0.1)
    assert len(processes_of(run)) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    # What degraded tiles ends with its parent.
    until = time.monotonic() + 10
    while processes_of(run) and time.monotonic() < until:
        time.sleep(0.1)
    assert processes_of(run) == []
    before = run.load()
    assert 0 < before.seconds < 5
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    after = run.load()
    assert after.seconds >= 5
    assert after.tiles > before.tiles > 0


def processes_of(run: RunFolder) -> list[str]:
    """Processes whose command line names the run's folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path.parent.name] if str(run.path) in path.read_text() else []
        except OSError:
            continue  # it has just ended
    return found


def test_archives_that_arrive_later_are_learned_from(
    make_config, photos: Path, tmp_path: Path, caplog
) -> None:
    arrived = tmp_path / "arrived"
    (first, second, *_) = write_shards(
        photos, ["train"], tmp_path / "shards", max_bytes=450_000, first=["validation"]
    )
    arrived.mkdir()
    caplog.set_level(logging.INFO)
    config = make_config(
        "duration=12", f"data.shards={arrived}", f"data.root={tmp_path / 'x'}", *TILES
    )
    run = RunFolder(tmp_path / "run")
    plain = run.log

    def log_and_deliver(**values: object) -> None:
        plain(**values)
        if not (arrived / second.name).exists():
            os.link(second, arrived / second.name)

    os.link(first, arrived / first.name)
    run.log = log_and_deliver
    train(config, run)
    added = [record.message for record in caplog.records if " in total" in record.message]
    assert len(added) == 2
    assert added[0].startswith("shard-01.tar: added 1 images, 1 in total")
    assert added[1].startswith("shard-02.tar: added 1 images, 2 in total")


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_a_carried_run_is_the_run_but_for_half_precision(
    make_config, tmp_path: Path, kind: str
) -> None:
    run, carried = RunFolder(tmp_path / "run"), tmp_path / "carried"
    config = make_config(f"optimizer.kind={kind}", steps=3)
    train(config, run, carry=carried)
    files = sorted(carried.iterdir())
    assert [path.name for path in files] == ["denoise-color-1-of-1.safetensors"]
    again = RunFolder(tmp_path / "again")
    assert unpack_run(files, again) == config
    assert again.log_lines() == run.log_lines()
    assert again.environment()["torch"] == torch.__version__
    before, after = run.load(), again.load()
    assert (after.step, after.identity) == (before.step, before.identity)
    for group, tolerance in (("weights", 0), ("average", 1e-3), ("first_moment", 1e-2)):
        for name, tensor in getattr(before, group).items():
            torch.testing.assert_close(
                getattr(after, group)[name], tensor, rtol=tolerance, atol=tolerance * 1e-2
            )
    train(make_config(f"optimizer.kind={kind}", steps=4), again, allow_changed=True)
    assert again.load().step == 4


def test_where_there_is_little_room_the_averaged_weights_come_first(
    make_config, tmp_path: Path, monkeypatch
) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=1), run)
    checkpoint = run.load()
    size = 2 * sum(tensor.numel() for tensor in checkpoint.average.values())
    monkeypatch.setattr("hiir.training.checkpoint._FILE_BYTES", size + 1000)
    (only,) = write_portable(tmp_path / "carried", run, checkpoint, max_files=1)
    found = read_files([only])
    assert not found.weights
    assert not found.first_moment
    assert found.average.keys() == checkpoint.average.keys()
    again = RunFolder(tmp_path / "again")
    unpack_run([only], again)
    for name, tensor in again.load().weights.items():
        torch.testing.assert_close(tensor, checkpoint.average[name], rtol=1e-3, atol=1e-5)
    monkeypatch.setattr("hiir.training.checkpoint._FILE_BYTES", size // 4)
    with pytest.raises(CheckpointError, match=r"of denoise-color need \d+ files, 2 at most"):
        write_portable(tmp_path / "carried", run, checkpoint, max_files=2)
    files = write_portable(tmp_path / "carried", run, checkpoint, max_files=30)
    with pytest.raises(CheckpointError, match=f"is one of {len(files)} files, 1 are given"):
        unpack_run(files[:1], RunFolder(tmp_path / "half"))


def test_files_of_two_states_are_not_one_checkpoint(make_config, tmp_path, monkeypatch) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config(steps=1), run, carry=tmp_path / "first")
    train(make_config(steps=2), run, carry=tmp_path / "second", allow_changed=True)
    files = [next((tmp_path / name).iterdir()) for name in ("first", "second")]
    with pytest.raises(CheckpointError, match=r"are of steps \[1, 2\], not of one checkpoint"):
        read_files(files)


def test_the_profile_for_gpus_decides_batch_feed_and_rate() -> None:
    config = load_config("deblur-motion", profile="gpu")
    assert [(phase.patch, phase.batch) for phase in config.phases] == [(128, 128)]
    assert config.data.loader == "tiles"
    assert config.data.workers >= 1
    assert config.optimizer.lr == 2.5e-3
    assert load_config("denoise-gray", profile="gpu").phases[0].batch == 512
    overridden = load_config("deblur-motion", profile="gpu", overrides=("data.workers=3",))
    assert overridden.data.workers == 3
