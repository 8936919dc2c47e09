"""`hiir restore` on the real service."""

import json
from pathlib import Path

import numpy as np
import pytest

from hiir.cli import main
from tests.integration.service.stack import Stack, photo, read, write

pytestmark = pytest.mark.integration


def restore(stack: Stack, folder: Path, *more: str) -> int:
    url = str(stack.client.base_url)
    arguments = ["restore", str(folder / "in"), "-o", str(folder / "out"), "--task", "identity"]
    return main([*arguments, "--recursive", "--url", url, *more])


def test_a_folder_is_restored_once_and_bad_files_are_listed(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in/day").mkdir(parents=True)
    for seed in range(12):  # more than a tenant's open jobs
        (tmp_path / f"in/day/{seed}.png").write_bytes(write(photo(40, 50, seed=seed)))
    (tmp_path / "in/bad.png").write_bytes(b"not an image")
    assert restore(stack, tmp_path, "--json", "--jobs", "6") == 1
    outcomes = {
        Path(item["source"]).name: item
        for item in map(json.loads, capsys.readouterr().out.splitlines())
    }
    assert len(outcomes) == 13
    assert outcomes["bad.png"]["status"] == "failed"
    assert outcomes["bad.png"]["code"] == "unsupported-image-format"
    assert outcomes["bad.png"]["request_id"]
    for seed in range(12):
        restored = (tmp_path / f"out/day/{seed}.png").read_bytes()
        np.testing.assert_array_equal(read(restored), photo(40, 50, seed=seed))
    before = stack.job_keys()
    (tmp_path / "in/bad.png").unlink()
    assert restore(stack, tmp_path) == 0
    assert stack.job_keys() == before
    assert capsys.readouterr().out.count("skipped") == 12


def test_another_format_has_its_suffix(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(write(photo(40, 50)))
    assert restore(stack, tmp_path, "--format", "jpeg", "--parameter", "quality=90") == 0
    assert (tmp_path / "out/a.jpg").read_bytes().startswith(b"\xff\xd8")
    assert "[1/1] restored" in capsys.readouterr().out


def test_a_command_that_cannot_be_carried_out_ends_with_2(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(stack, tmp_path) == 2
    assert "neither a file nor a folder" in capsys.readouterr().err
