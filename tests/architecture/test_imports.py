"""The direction of imports, as the contracts in pyproject.toml say it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    command = [linter, "--no-cache", "--config", root / "pyproject.toml"]
    return subprocess.run(
        command,
        cwd=root,
        env={"PYTHONPATH": f"{root}{os.pathsep}{root / 'clients/python'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """The code alone, for a test that spoils it."""
    ignored = shutil.ignore_patterns("__pycache__", "*.safetensors")
    for package in ("clients/python/hiir_client", "hiir", "service"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("hiir/imaging/errors.py", "import torch", "imaging is free of torch"),
        ("hiir/imaging/errors.py", "import service.errors", "the library never imports"),
        ("hiir/layers/windows.py", "import hiir.models", "library layers"),
        ("service/errors/base.py", "import hiir.models", "of the library the product knows"),
        ("service/intake/receive.py", "import onnxruntime", "the product runs no network"),
        ("service/errors/base.py", "import service.jobs.job", "product layers"),
        ("service/jobs/queue.py", "import service.intake.accept", "product layers"),
        ("service/worker/tasks.py", "import service.webhooks.store", "product layers"),
        ("service/jobs/job.py", "import service.jobs.store", "no circle among"),
        ("service/webhooks/delivery.py", "import service.webhooks.worker.app", "webhook layers"),
        ("service/api/app.py", "import service.inference.triton", "the API knows neither"),
        ("service/worker/pipeline.py", "import fastapi", "the workers know nothing of our HTTP"),
        ("service/worker/pipeline.py", "import tritonclient.grpc", "Triton's client"),
        ("service/intake/accept.py", "import redis", "Redis is used by the stores"),
        ("service/intake/accept.py", "import celery", "Celery is used by"),
        ("clients/python/hiir_client/models.py", "import service.jobs.job", "the client is a"),
        ("clients/python/hiir_client/exchange.py", "import httpx", "the client's protocol does"),
    ],
)
def test_an_import_in_the_wrong_direction_breaks_its_contract(
    copied_tree: Path, module: str, line: str, contract: str
) -> None:
    path = copied_tree / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    linted = lint_imports(copied_tree)
    assert linted.returncode == 1
    broken = [text for text in linted.stdout.splitlines() if " BROKEN" in text]
    assert any(text.startswith(contract) for text in broken), linted.stdout


@pytest.mark.parametrize("package", ["hiir", "service"])
def test_importing_a_root_loads_nothing_but_the_standard_library(package: str) -> None:
    program = (
        f"import sys; before = set(sys.modules); import {package}; "
        "print(*set(sys.modules).difference(before))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(shown.stdout.split())
    assert package in loaded
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {
        package
    }
