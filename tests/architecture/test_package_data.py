"""What is not Python code is packaged too: a wheel without the Lua scripts could not start."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE_DATA = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
    "package-data"
]
PACKAGES = {
    "hiir": ROOT / "hiir",
    "hiir_client": ROOT / "clients/python/hiir_client",
    "service": ROOT / "service",
}


def other_files(package: str) -> set[Path]:
    return {
        path
        for path in PACKAGES[package].rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_is_package_data(package: str) -> None:
    packaged = {path for glob in PACKAGE_DATA[package] for path in PACKAGES[package].glob(glob)}
    assert other_files(package)
    assert other_files(package) - packaged == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_pattern_of_package_data_matches_a_file(package: str) -> None:
    assert [glob for glob in PACKAGE_DATA[package] if not [*PACKAGES[package].glob(glob)]] == []
