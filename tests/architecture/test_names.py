"""One file, one noun: names that say what is inside, and files that can be read in one go."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("clients", "hiir", "service", "samples", "requirements")
SHAPELESS = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff"}
LEFTOVER = re.compile(r"_(?:v\d+|new|old|final|copy)$")
LONGEST = 400


def files(*roots: str) -> list[Path]:
    return [
        path.relative_to(ROOT) for root in roots for path in sorted((ROOT / root).rglob("*.py"))
    ]


def is_shapeless(file: Path) -> bool:
    parts = file.with_suffix("").parts
    return bool(SHAPELESS.intersection(parts) or LEFTOVER.search(parts[-1]))


def test_every_name_says_what_is_inside() -> None:
    found = files(*CODE, "tests")
    assert len(found) > 50
    assert [file for file in found if is_shapeless(file)] == []


@pytest.mark.parametrize("name", ["hiir/utils.py", "service/common/jobs.py", "hiir/loop_v2.py"])
def test_a_name_that_says_nothing_is_found(name: str) -> None:
    assert is_shapeless(Path(name))


def test_the_service_fits_on_one_screen_and_each_package_says_where_to_begin() -> None:
    entries = [path for path in (ROOT / "service").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 18
    for package in sorted(path for path in entries if path.is_dir()):
        docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
        assert len(docstring.splitlines()[0]) > 20, package
        assert "Begin with" in docstring or package.name == "errors", package


def test_every_file_can_be_read_in_one_go() -> None:
    lengths = {file: len((ROOT / file).read_text().splitlines()) for file in files(*CODE)}
    assert {file: length for file, length in lengths.items() if length > LONGEST} == {}
