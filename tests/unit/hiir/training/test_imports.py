"""What a machine that only trains and evaluates must have installed."""

import subprocess
import sys

import pytest

# An HTTP client, the runtime of exported graphs, and what decodes uploads.
UNNEEDED = ("httpx", "onnx", "onnxruntime", "pyvips", "rawpy")


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "hiir.training.loop",
        "hiir.training.release_run",
        "hiir.evaluation.evaluation_request",
        "hiir.cli",
    ],
)
def test_training_and_evaluation_need_no_part_of_the_service(module: str) -> None:
    code = f"""
import importlib, sys
for name in {UNNEEDED}:
    sys.modules[name] = None  # an import of it fails
importlib.import_module({module!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
