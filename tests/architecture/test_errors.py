"""What the library raises on purpose has one base, so that the command line can tell it apart."""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The roots of the two trees, and what never leaves its module.
EXEMPT = {"HiirError", "ImagingError", "XmpDamaged"}


def errors_of_no_tree(source: str) -> Iterator[str]:
    """Classes that derive from an exception of Python's and not from one of ours."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name not in EXEMPT:
            for base in map(ast.unparse, node.bases):
                found = getattr(builtins, base, None)
                if isinstance(found, type) and issubclass(found, BaseException):
                    yield f"{node.name}({base})"


def test_every_error_of_the_library_has_its_base() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {error}"
        for path in sorted((ROOT / "hiir").rglob("*.py"))
        for error in errors_of_no_tree(path.read_text())
    ]
    assert found == []


def test_an_error_of_another_base_is_found() -> None:
    assert list(errors_of_no_tree("class Late(ValueError): ...")) == ["Late(ValueError)"]
    assert list(errors_of_no_tree("class Late(HiirError): ...")) == []
