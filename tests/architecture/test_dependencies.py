"""What pyproject.toml asks for is used, justified and locked, and nothing else is used."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RECORD = ROOT / "docs/adr/0002-dependencies.md"
LOCKS = {
    "runtime": ("otel",),
    "train": ("embedded", "otel", "train"),
    "dev": ("embedded", "otel", "train", "dev"),
}

OPTIONAL = [extra for extra in PROJECT["optional-dependencies"] if extra not in {"bench", "dev"}]

# Part of a package that is asked for, and never had without it.
CARRIED_BY = {
    "anyio": "fastapi",
    "billiard": "celery",
    "grpcio": "tritonclient",
    "httpcore": "httpx",
    "kombu": "celery",
    "protobuf": "tritonclient",
    "starlette": "fastapi",
}
# Never imported by us: the API's server, what Starlette reads forms with, torch's curves.
UNSEEN = {"python-multipart", "tensorboard"}
# Done without where it is not installed: one format less.
OPTIONAL_FORMATS = {"pillow-heif"}
# Several distributions put their modules under one name.
SHARED = {
    "google": {"protobuf"},
    "opentelemetry": {"opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk"},
}
OURS = {"benchmarks", "gpu_server", "hiir", "hiir_client", "hiir_immich", "service", "tests"}
INSIDE_TRITON = "triton_python_backend_utils"


def requirements(*extras: str) -> list[Requirement]:
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def names(*extras: str) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements(*extras)}


def imported_by(*roots: str) -> set[str]:
    """Distributions whose modules the code under these folders imports."""
    modules = {
        module
        for root in roots
        for path in (ROOT / root).rglob("*.py")
        for module in top_level_imports(ast.parse(path.read_text()))
    }
    modules -= {*sys.stdlib_module_names, *OURS, INSIDE_TRITON}
    owners = importlib.metadata.packages_distributions()
    # What is not installed everywhere is known by the name of its module.
    shared = set().union(*(SHARED[module] for module in modules & SHARED.keys()))
    alone = modules - SHARED.keys()
    return {canonicalize_name(owners.get(module, [module])[0]) for module in alone} | shared


def top_level_imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and is_late_import(node):
            yield ast.literal_eval(node.args[0]).partition(".")[0]


def is_late_import(call: ast.Call) -> bool:
    """Whether it is `import_module("name")`, or a function of ours that stands for it."""
    function = ast.unparse(call.func).rpartition(".")[2]
    return function in {"import_module", "_import"} and isinstance(call.args[0], ast.Constant)


def read_lock(name: str) -> dict[str, Version]:
    lines = (ROOT / f"requirements/{name}.lock").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    return {
        pin.name: Version(str(pin.specifier).removeprefix("=="))
        for pin in pins
        if pin.marker is None or pin.marker.evaluate()
    }


def closure(wanted: list[Requirement]) -> dict[str, list[Requirement]]:
    """Every package behind the requirements, with all that is asked of it."""
    asked: dict[str, list[Requirement]] = {}
    todo = list(wanted)
    seen: set[str] = set()
    while todo:
        requirement = todo.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        asked.setdefault(name, []).append(requirement)
        for line in importlib.metadata.requires(name) or ():
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                needed.marker = None
                todo.append(needed)
    return asked


def test_what_is_asked_for_is_used() -> None:
    used = imported_by("hiir", "service") - CARRIED_BY.keys()
    assert names(*OPTIONAL) - UNSEEN == used


def test_what_is_carried_comes_with_what_is_asked_for() -> None:
    assert set(CARRIED_BY.values()) <= names()


def test_the_service_without_its_embedded_stack_needs_the_runtime_alone() -> None:
    embedded = imported_by("service/embedded") - imported_by("service/api", "service/worker")
    used = imported_by("service", "hiir/imaging") - embedded
    assert used - CARRIED_BY.keys() - OPTIONAL_FORMATS <= names(*LOCKS["runtime"])


def test_what_the_tests_import_is_asked_for() -> None:
    known = names(*LOCKS["dev"]) | CARRIED_BY.keys()
    assert imported_by("tests", "samples", "requirements") <= known


def test_every_dependency_is_justified_and_no_justified_one_is_gone() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (\S.*?) \| (\S.*?) \|$", RECORD.read_text(), re.MULTILINE)
    justified = {canonicalize_name(Requirement(name).name) for name, _, _ in rows}
    assert justified == names(*PROJECT["optional-dependencies"])
    for name, _, reason in rows:
        assert len(reason.split()) >= 3, f"{name}: {reason}"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_agrees_with_pyproject(name: str) -> None:
    """Run `make lock` when it does not."""
    locked = read_lock(name)
    asked = closure(requirements(*LOCKS[name]))
    assert locked.keys() == asked.keys()
    for package, wishes in asked.items():
        for wish in wishes:
            assert wish.specifier.contains(locked[package], prereleases=True), wish


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_installed_is_what_is_locked(name: str) -> None:
    """Run `make install` when it is not."""
    for package, version in read_lock(name).items():
        installed = Version(importlib.metadata.version(package))
        assert installed.public == str(version), package


def test_the_locks_are_parts_of_one_another() -> None:
    runtime, train, dev = (read_lock(name).items() for name in ("runtime", "train", "dev"))
    assert runtime <= train <= dev


def test_numpy_stays_below_2() -> None:
    """Triton's Python stub hands over wrong tensors, in silence, with numpy 2."""
    (numpy,) = (item for item in requirements() if item.name == "numpy")
    assert not numpy.specifier.contains("2.0")
    assert read_lock("train")["numpy"] < Version("2")


def test_the_client_needs_httpx_alone() -> None:
    project = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text())["project"]
    assert [Requirement(line).name for line in project["dependencies"]] == ["httpx"]
    assert imported_by("clients/python/hiir_client") == {"httpx"}


def test_the_sidecar_of_immich_needs_the_client_alone() -> None:
    assert imported_by("clients/immich") == {"httpx"}
