"""benchmarks/README.md lists every program, each under its folder."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
PROGRAMS = sorted(BENCHMARKS.glob("*/*.py"))


def section(folder: str) -> str:
    text = (BENCHMARKS / "README.md").read_text()
    return text.partition(f"\n## {folder}:")[2].partition("\n## ")[0]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_file_is_in_the_index(path: Path) -> None:
    folder, listed = path.parent.name, section(path.parent.name)
    module = f"benchmarks.{folder}" + ("" if path.stem == "__main__" else f".{path.stem}")
    assert f"`python -m {module}`" in listed or f"`{path.name}`" in listed


def test_no_program_lies_outside_a_folder() -> None:
    assert PROGRAMS
    assert list(BENCHMARKS.glob("*.py")) == []
