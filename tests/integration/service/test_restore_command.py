"""`hiir restore` on the real service."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hiir.cli import main
from tests.integration.service.stack import ENVIRONMENT, Stack, photo, read, wait_until, write

pytestmark = pytest.mark.integration

COMMAND = (sys.executable, "-m", "hiir.cli", "restore")


def run_command(
    stack: Stack, *arguments: str, stdin: bytes
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*COMMAND, *arguments, "--url", str(stack.client.base_url)],
        input=stdin,
        capture_output=True,
        check=False,
        env=ENVIRONMENT,
        timeout=120,
    )


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
    assert restore(stack, tmp_path, "--resume") == 0
    assert stack.job_keys() == before
    assert capsys.readouterr().out.count("unchanged") == 12
    assert restore(stack, tmp_path) == 1
    assert capsys.readouterr().out.count("result-exists") == 12
    assert stack.job_keys() == before


def test_another_format_has_its_suffix(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(write(photo(40, 50)))
    assert restore(stack, tmp_path, "--format", "jpeg", "--quality", "90") == 0
    assert (tmp_path / "out/a.jpg").read_bytes().startswith(b"\xff\xd8")
    assert "[1/1] restored" in capsys.readouterr().out


def test_a_command_that_cannot_be_carried_out_ends_with_2(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(stack, tmp_path) == 2
    assert "neither a file nor a folder" in capsys.readouterr().err


def test_a_photo_goes_from_standard_input_to_standard_output(stack: Stack, tmp_path: Path) -> None:
    content = write(photo(40, 50))
    ended = run_command(stack, "-", "-o", "-", "--task", "identity", stdin=content)
    assert ended.returncode == 0, ended.stderr
    np.testing.assert_array_equal(read(ended.stdout), photo(40, 50))
    bad = run_command(stack, "-", "-o", "-", "--task", "identity", stdin=b"not an image")
    assert (bad.returncode, bad.stdout) == (1, b"")
    assert b"unsupported-image-format" in bad.stderr


def test_the_right_view_is_sent_with_its_photo(stack: Stack, tmp_path: Path) -> None:
    for name, seed in (("in", 1), ("right", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(write(photo(40, 50, seed=seed)))
    arguments = ["--task", "defocus-deblur", "--right", str(tmp_path / "right")]
    url = str(stack.client.base_url)
    assert (
        main(["restore", str(tmp_path / "in"), "-o", str(tmp_path), *arguments, "--url", url]) == 0
    )
    mean = (photo(40, 50, seed=1).astype(float) + photo(40, 50, seed=2)) / 2
    assert np.abs(read((tmp_path / "a.png").read_bytes()) - mean).max() <= 1


def test_a_result_leaves_the_service_unless_it_is_kept(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(write(photo(40, 50)))
    before = stack.blob_keys()
    assert restore(stack, tmp_path) == 0
    assert stack.blob_keys() == before
    # The job of the same submission has no files any more: the photo becomes a new job.
    assert restore(stack, tmp_path, "--force", "--keep") == 0
    # The result, and the previews of both images.
    assert len(stack.blob_keys() - before) == 3
    np.testing.assert_array_equal(read((tmp_path / "out/a.png").read_bytes()), photo(40, 50))


def test_existing_files_are_kept_unless_they_may_be_overwritten(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "in/a.png").write_bytes(write(photo(40, 50)))
    (tmp_path / "out/a.png").write_bytes(b"mine")
    before = stack.job_keys()
    for arguments in ((), ("--resume",)):
        assert restore(stack, tmp_path, *arguments) == 1
        assert "result-exists" in capsys.readouterr().out
    assert (tmp_path / "out/a.png").read_bytes() == b"mine"
    assert stack.job_keys() == before
    assert restore(stack, tmp_path, "--force") == 0
    np.testing.assert_array_equal(read((tmp_path / "out/a.png").read_bytes()), photo(40, 50))


def test_a_photo_or_parameter_that_has_changed_is_not_taken_as_done(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(write(photo(40, 50)))
    assert restore(stack, tmp_path) == 0
    assert restore(stack, tmp_path, "--resume", "--metadata", "strip") == 1
    assert "was not made from this photo with the same parameters" in capsys.readouterr().out
    assert restore(stack, tmp_path, "--resume", "--force", "--metadata", "strip") == 0
    assert "restored" in capsys.readouterr().out
    (tmp_path / "in/a.png").write_bytes(write(photo(40, 50, seed=7)))
    assert restore(stack, tmp_path, "--resume", "--metadata", "strip") == 1


def test_a_dry_run_shows_megapixels_and_seconds_and_sends_nothing(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(write(photo(400, 500)))
    (tmp_path / "in/bad.png").write_bytes(b"not an image")
    assert restore(stack, tmp_path) == 1  # after this job the service knows its pace
    before = stack.job_keys()
    capsys.readouterr()
    assert restore(stack, tmp_path, "--dry-run", "--json") == 1
    shown = capsys.readouterr()
    good, bad = map(json.loads, shown.out.splitlines())
    assert good["megapixels"] == pytest.approx(0.2)
    assert good["seconds"] > 0
    assert bad["megapixels"] is None
    assert bad["detail"]
    assert "2 photos, 1 unreadable, 0.2 megapixels, about" in shown.err
    assert stack.job_keys() == before


def test_photos_are_restored_as_they_appear_until_the_command_is_stopped(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(write(photo(40, 50, seed=1)))
    command = [*COMMAND, str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--task", "identity"]
    command += ["--watch", "--url", str(stack.client.base_url)]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        wait_until((tmp_path / "out/a.png").exists, "the photo that exists")
        (tmp_path / "in/b.png").write_bytes(write(photo(40, 50, seed=2)))
        wait_until((tmp_path / "out/b.png").exists, "the photo that appears")
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.count("] restored: ") == 2
    np.testing.assert_array_equal(
        read((tmp_path / "out/b.png").read_bytes()), photo(40, 50, seed=2)
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--task", "nonsense"), "no task or model 'nonsense'"),
        (("--task", "identity", "--scale", "2"), "no parameter scale"),
        (("--task", "identity", "--jobs", "0"), "--jobs must be at least 1"),
        (("--task", "identity", "--watch"), "--watch is for folders"),
        (("--task", "identity", "--url", "http://127.0.0.1:9"), "refused"),
    ],
)
def test_a_wrong_command_ends_with_2(
    stack: Stack,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    (tmp_path / "a.png").write_bytes(write(photo(40, 50)))
    url = ["--url", str(stack.client.base_url)]
    command = ["restore", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]
    assert main([*command, *url, *arguments]) == 2
    assert reason in capsys.readouterr().err
