import re
import subprocess
import sys
from types import ModuleType

from hiir import imaging


def by_kind_and_number(name):
    """Classes before functions, and Uint8 before Uint16."""
    parts = re.split(r"(\d+)", name)
    return (name.islower(), [int(part) if part.isdecimal() else part for part in parts])


def test_the_public_names_are_sorted():
    assert imaging.__all__ == sorted(imaging.__all__, key=by_kind_and_number)


def test_the_public_names_are_all_that_the_package_imports():
    imported = {
        name
        for name, value in vars(imaging).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert imported == set(imaging.__all__)


def test_the_package_needs_neither_torch_nor_a_runtime_for_models():
    code = "import sys, hiir.imaging; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in shown.stdout.split()}
    assert {"numpy", "PIL"} <= loaded
    assert loaded.isdisjoint({"torch", "onnx", "onnxruntime", "safetensors", "fastapi", "celery"})
