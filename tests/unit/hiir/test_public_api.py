"""The public API is listed, documented with an example each, and light to import."""

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hiir
from hiir import imaging

PAGE = Path(__file__).parents[3] / "docs/11-library.md"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[str]:
    return FENCE.findall(PAGE.read_text())


def test_the_examples_of_the_page_run() -> None:
    runner, shared = doctest.DocTestRunner(), {"__name__": "page"}
    for number, block in enumerate(blocks()):
        test = doctest.DocTestParser().get_doctest(block, shared, f"{PAGE.name}-{number}", None, 0)
        runner.run(test, clear_globs=False)
        shared.update(test.globs)
    assert runner.summarize(verbose=False).failed == 0
    assert runner.tries > 50


@pytest.mark.parametrize("module", ["hiir", "hiir.models.factory", "hiir.restoration"])
def test_the_examples_of_docstrings_run(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0
    assert result.attempted > 0


@pytest.mark.parametrize("name", [*hiir.__all__, *imaging.__all__])
def test_every_public_name_is_in_an_example(name: str) -> None:
    assert re.search(rf"\b{name}\b", "".join(blocks()))


@pytest.mark.parametrize("name", hiir.__all__)
def test_every_public_name_is_found_and_described(name: str) -> None:
    assert getattr(hiir, name).__doc__
    assert name in dir(hiir)


def test_the_public_names_are_those_that_are_imported_late() -> None:
    assert hiir.__all__ == sorted(hiir.__all__, key=lambda name: (name.islower(), name))
    assert set(hiir._MODULES) == set(hiir.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        hiir.nonsense  # noqa: B018


def test_the_package_is_light() -> None:
    program = "import sys, hiir; dir(hiir); print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    loaded = {name.partition(".")[0] for name in shown.stdout.split()}
    assert loaded.isdisjoint({"torch", "numpy", "PIL", "yaml", "pydantic"})


def test_pydoc_lists_the_api() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "pydoc", "hiir"], check=True, capture_output=True, text=True
    ).stdout
    for name in hiir.__all__:
        assert name in shown
