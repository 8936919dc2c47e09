"""Users' code is checked against the package's types, and a wrong call is found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
CODE = (Path(__file__).parent / "user_code.py").read_text()

pytestmark = pytest.mark.slow


def check(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run mypy as a user would: without this project's configuration."""
    (folder / "code.py").write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "code.py"],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT / "clients/python")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_strict_user_code_that_uses_every_verb_is_accepted(tmp_path: Path) -> None:
    checked = check(tmp_path, CODE)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("scale=4", 'scale="four"', "arg-type"),
        ("bit_depth=16", "bit_depth=12", "arg-type"),
        ("lossless=True", "losless=True", "call-arg"),
        ('status="failed"', 'status="lost"', "arg-type"),
        ('"jobs:read", "admin"', '"read"', "list-item"),
    ],
)
def test_a_wrong_call_is_found(tmp_path: Path, right: str, wrong: str, complaint: str) -> None:
    assert right in CODE
    checked = check(tmp_path, CODE.replace(right, wrong))
    assert checked.returncode == 1
    assert f"[{complaint}]" in checked.stdout
