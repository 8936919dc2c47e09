import importlib
import re
import subprocess
import sys

import pytest

from hiir import imaging


def by_kind_and_number(name):
    """Constants before classes before functions, and Uint8 before Uint16."""
    parts = re.split(r"(\d+)", name)
    return (
        not name.isupper(),
        name.islower(),
        [int(part) if part.isdecimal() else part for part in parts],
    )


def test_the_public_names_are_sorted():
    assert imaging.__all__ == sorted(imaging.__all__, key=by_kind_and_number)


def test_every_public_name_is_found_in_its_module():
    assert set(imaging._MODULES) == set(imaging.__all__)
    for name, module in imaging._MODULES.items():
        assert vars(importlib.import_module(f"hiir.imaging.{module}"))[name] is getattr(
            imaging, name
        )


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        imaging.nonsense  # noqa: B018


def modules_after(code: str) -> set[str]:
    program = f"import sys; {code}; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in shown.stdout.split()}


def test_the_package_needs_neither_torch_nor_a_runtime_for_models():
    loaded = modules_after("from hiir.imaging import *")
    assert {"numpy", "PIL"} <= loaded
    assert loaded.isdisjoint({"torch", "onnx", "onnxruntime", "safetensors", "fastapi", "celery"})


def test_pixels_and_tiles_need_no_codec():
    loaded = modules_after("from hiir.imaging import ModelContract, restore_bands, to_unit")
    assert loaded.isdisjoint({"pyvips", "rawpy"})
