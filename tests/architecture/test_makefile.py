"""`ARGS` reach the command of the target that was asked for, and no other."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_gpu_has_a_repository_that_git_ignores() -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "export", "TARGET=gpu", "ARGS=sr-x2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "/hiir export --target gpu sr-x2\n" in shown.stdout
    ignored = subprocess.run(
        ["git", "check-ignore", "--quiet", "model_repository_gpu/sr-x2/config.pbtxt"],
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert ignored.returncode == 0


@pytest.mark.parametrize(
    ("target", "program"),
    [
        ("up", "hiir up"),
        ("test", "pytest"),
        ("check", "pytest"),
        ("coverage", "pytest"),
        ("export", "hiir export"),
        ("train", "hiir train"),
    ],
)
def test_args_reach_one_command(target: str, program: str) -> None:
    shown = subprocess.run(
        ["make", "--dry-run", target, "ARGS=--example"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (command,) = [line for line in shown.stdout.splitlines() if "--example" in line]
    assert f"/{program}" in command
