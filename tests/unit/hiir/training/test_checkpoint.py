import resource
import signal
from pathlib import Path

import pytest
import torch

from hiir.training import checkpoint
from hiir.training.checkpoint import Checkpoint, CheckpointError, read_checkpoint, write_checkpoint


def make(step: int, *, size: int = 100) -> Checkpoint:
    generator = torch.Generator().manual_seed(step)
    groups = {
        group: {f"layer.{n}": torch.randn(size, generator=generator) for n in range(3)}
        for group in ("weights", "average", "first_moment", "second_moment")
    }
    return Checkpoint(step=step, **groups)


def same(a: Checkpoint, b: Checkpoint) -> bool:
    return a.step == b.step and all(
        torch.equal(getattr(a, group)[name], tensor)
        for group in ("weights", "average", "first_moment", "second_moment")
        for name, tensor in getattr(b, group).items()
    )


def test_a_small_one_is_one_file(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None
    write_checkpoint(tmp_path, make(5))
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]
    assert same(read_checkpoint(tmp_path), make(5))


def test_a_large_one_is_several_files_of_bounded_size(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "_FILE_BYTES", 1000)
    for step in (5, 6):
        write_checkpoint(tmp_path, make(step))
        assert same(read_checkpoint(tmp_path), make(step))
    parts = sorted(tmp_path.glob("*.safetensors"))
    assert len(parts) == 6
    assert all(part.stat().st_size < 2000 for part in parts)
    assert all(part.name.startswith("last-6-") for part in parts)
    # A smaller one after it is one file again.
    monkeypatch.undo()
    write_checkpoint(tmp_path, make(7))
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]
    assert same(read_checkpoint(tmp_path), make(7))


def test_the_error_of_a_write_names_the_file_and_the_reason(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, make(5))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        with pytest.raises(CheckpointError, match=r"cannot write .*last.*File too large"):
            write_checkpoint(tmp_path, make(6))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert same(read_checkpoint(tmp_path), make(5))


@pytest.mark.parametrize("survivors", range(6))
def test_a_disk_that_fills_up_leaves_the_last_one_whole(tmp_path, monkeypatch, survivors) -> None:
    monkeypatch.setattr(checkpoint, "_FILE_BYTES", 1000)
    write_checkpoint(tmp_path, make(5))
    plain, written = checkpoint.save_file, []

    def fill(tensors: object, path: Path, metadata: object) -> None:
        if len(written) == survivors:
            path.write_bytes(b"half")
            raise OSError("no space left on device")
        written.append(path)
        plain(tensors, path, metadata=metadata)

    monkeypatch.setattr(checkpoint, "save_file", fill)
    with pytest.raises(CheckpointError, match=r"cannot write .*no space"):
        write_checkpoint(tmp_path, make(6))
    assert same(read_checkpoint(tmp_path), make(5))
    assert not list(tmp_path.glob("*.tmp"))
    # Once there is room again, nothing of the failure stays.
    monkeypatch.setattr(checkpoint, "save_file", plain)
    write_checkpoint(tmp_path, make(8))
    assert same(read_checkpoint(tmp_path), make(8))
    assert len(list(tmp_path.glob("*.safetensors"))) == 6
