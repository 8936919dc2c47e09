"""A folder is restored once, whatever is killed meanwhile."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.integration.service.stack import ENVIRONMENT, Stack, photo, read, wait_until, write

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GOOD, BAD = 290, 10


def begin(stack: Stack, folder: Path) -> "subprocess.Popen[str]":
    command = (
        *(sys.executable, "-m", "hiir.cli", "restore", str(folder / "in")),
        *("-o", str(folder / "out"), "--task", "slow-identity", "--recursive", "--resume"),
        *("--jobs", "8", "--json", "--url", str(stack.client.base_url)),
    )
    return subprocess.Popen(
        command,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def results(folder: Path) -> set[Path]:
    return set((folder / "out").rglob("*.png"))


def kill_after(stack: Stack, process: "subprocess.Popen[str]", folder: Path, count: int) -> None:
    def are_there() -> bool:
        assert process.poll() is None, process.communicate()
        if stack.triton.has_ended:  # it may crash by itself, and no test is about that
            stack.start()
        return len(results(folder)) >= count

    wait_until(are_there, f"{count} results", timeout_s=300)
    process.kill()
    process.communicate()


def test_each_file_is_restored_once_though_client_and_worker_are_killed(
    stack: Stack, tmp_path: Path
) -> None:
    content = {}
    for number in range(GOOD):
        name = f"day{number % 3}/{number:03}.png"
        content[name] = photo(48, 64, seed=number)
    for name, pixels in content.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(write(pixels))
    for number in range(BAD):
        bad = b"not an image" if number % 2 else write(photo(48, 64))[:-500]
        (tmp_path / f"in/bad{number}.png").write_bytes(bad)
    before = stack.job_keys()

    kill_after(stack, begin(stack, tmp_path), tmp_path, 40)
    kill_after(stack, begin(stack, tmp_path), tmp_path, 100)
    last = begin(stack, tmp_path)
    wait_until(lambda: len(results(tmp_path)) >= 160, "160 results", timeout_s=300)
    stack.worker.kill()
    stack.worker.start()
    output, errors = last.communicate(timeout=600)

    assert last.returncode == 1, errors
    outcomes = [json.loads(line) for line in output.splitlines()]
    assert len(outcomes) == GOOD + BAD
    failed = [item for item in outcomes if item["status"] == "failed"]
    assert {Path(item["source"]).name for item in failed} == {
        f"bad{number}.png" for number in range(BAD)
    }
    assert all(item["code"] and item["request_id"] for item in failed)
    assert errors.count("[request ") == BAD
    assert results(tmp_path) == {tmp_path / "out" / name for name in content}
    assert len(stack.job_keys() - before) == GOOD
    for name, pixels in content.items():
        np.testing.assert_array_equal(read((tmp_path / "out" / name).read_bytes()), pixels)
    jobs = [
        record
        for line in (tmp_path / "out/.hiir.jsonl").read_text().splitlines()
        if (record := json.loads(line)).get("status") == "restored"
    ]
    assert {record["target"] for record in jobs} == set(content)
    for record in jobs:
        restored = (tmp_path / "out" / record["target"]).read_bytes()
        assert (
            hashlib.sha256(restored).hexdigest() == stack.job(record["job_id"])["output"]["sha256"]
        )
    assert not list((tmp_path / "out").rglob("*.part"))
