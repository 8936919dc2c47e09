"""Only settings read the environment; everybody else is told."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "service/settings/__init__.py",
    "service/settings/tracing.py",
    "service/embedded/settings.py",
}
# The API key of the command's user: as an argument it would be visible to other users.
HAS_A_SECRET = {"hiir/cli/restore.py"}
# The parent of processes hands its own environment on to them, as a whole, unread.
HANDS_ON = {
    "hiir/imaging/codec.py",
    "hiir/training/detached_trainer.py",
    "hiir/training/planned_runs.py",
    "service/embedded/stack.py",
}
# What the launcher of a training on several GPUs tells each of its processes.
LAUNCHER = {"WORLD_SIZE", "RANK", "LOCAL_RANK"}
NAMES = {"environ", "environb", "getenv", "getenvb"}

MODULES = [
    str(path.relative_to(ROOT))
    for root in ("hiir", "service")
    for path in sorted((ROOT / root).rglob("*.py"))
]


def readings(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.AST]]:
    """Yield each `os.environ` or the like with the node around it."""
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            attribute = isinstance(node, ast.Attribute) and node.attr in NAMES
            if attribute or (isinstance(node, ast.Name) and node.id in NAMES):
                yield node, parent


def is_handed_on(node: ast.expr, parent: ast.AST) -> bool:
    """Whether it stands in `{**os.environ}` or `dict(os.environ)`."""
    if isinstance(parent, ast.Dict):
        return any(
            key is None and value is node
            for key, value in zip(parent.keys, parent.values, strict=True)
        )
    return isinstance(parent, ast.Call) and ast.unparse(parent) == "dict(os.environ)"


def asks_the_launcher(tree: ast.AST, node: ast.expr) -> bool:
    """Whether it is `os.environ.get("RANK", ...)` or `os.environ["RANK"]`."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            asked, key = call.func.value, call.args[:1]
        elif isinstance(call, ast.Subscript):
            asked, key = call.value, [call.slice]
        else:
            continue
        if asked is node and key and isinstance(key[0], ast.Constant):
            return key[0].value in LAUNCHER
    return False


def offences(source: str, module: str) -> list[str]:
    tree = ast.parse(source)
    return [
        f"{module}:{node.lineno} {ast.unparse(node)}"
        for node, parent in readings(tree)
        if module not in SETTINGS | HAS_A_SECRET
        and not (module in HANDS_ON and is_handed_on(node, parent))
        and not (module.startswith("hiir/training/") and asks_the_launcher(tree, node))
    ]


def test_the_environment_is_read_by_settings_alone() -> None:
    found = [line for module in MODULES for line in offences((ROOT / module).read_text(), module)]
    assert found == []


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import os\nurl = os.environ['HIIR_REDIS_URL']", "service/jobs/queue.py"),
        ("import os\nurl = os.getenv('HIIR_REDIS_URL')", "service/jobs/queue.py"),
        ("from os import environ\nurl = environ.get('A')", "service/jobs/queue.py"),
        ("import os\nurl = os.environ.get('A')", "service/embedded/stack.py"),
        ("import os\nurl = os.environ.get('A')", "hiir/training/loop.py"),
    ],
)
def test_a_reading_elsewhere_is_found(source: str, module: str) -> None:
    assert len(offences(source, module)) >= 1


def test_settings_are_defined_in_settings_modules() -> None:
    found = {
        module
        for module in MODULES
        for node in ast.walk(ast.parse((ROOT / module).read_text()))
        if isinstance(node, ast.ClassDef)
        if any(ast.unparse(base).endswith("BaseSettings") for base in node.bases)
    }
    assert found == SETTINGS
