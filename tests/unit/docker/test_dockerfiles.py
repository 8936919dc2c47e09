"""The images' recipes: not root, locked packages, no torch in what serves."""

import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
IMAGES = ("api", "worker", "exporter", "triton-gpu")
SERVING = ("api", "worker")
FRAMEWORKS = {"onnx", "onnxruntime", "safetensors", "torch"}

# Imports every module of the service in a place that holds only what the image holds.
IMPORT_ALL = """
import importlib, pkgutil, sys

# As absent packages are: an import fails, and who only asks whether they are there is told no.
for name in sys.argv[1:]:
    sys.modules[name] = None

import service
for module in pkgutil.walk_packages(service.__path__, "service."):
    if not module.name.startswith("service.embedded"):
        importlib.import_module(module.name)
"""


def instructions(image: str) -> list[tuple[str, str]]:
    """Pairs of instruction and argument, continued lines joined, comments left out."""
    text = (ROOT / f"docker/Dockerfile.{image}").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(name, argument.strip()) for name, _, argument in found]


def arguments(image: str, name: str) -> list[str]:
    return [argument for found, argument in instructions(image) if found == name]


def locked(image: str) -> set[str]:
    """Names of the packages that the image installs."""
    installs = [run for run in arguments(image, "RUN") if "pip install" in run]
    assert len(installs) == 1
    words = shlex.split(installs[0])
    lock = ROOT / words[words.index("-r") + 1]
    # Nothing beside the lock: no name of a package among the options.
    assert all(word.startswith("-") for word in words[2:] if not word.endswith(".lock"))
    lines = [line for line in lock.read_text().splitlines() if not line.startswith("#")]
    return {line.partition("==")[0] for line in lines}


@pytest.mark.parametrize("image", IMAGES)
def test_hadolint_finds_nothing(image: str) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    path = ROOT / f"docker/Dockerfile.{image}"
    checked = subprocess.run(
        [linter, path], capture_output=True, text=True, check=False, timeout=120
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("image", IMAGES)
def test_it_does_not_run_as_root(image: str) -> None:
    names = [name for name, _ in instructions(image)]
    user = arguments(image, "USER")[-1]
    assert user.isdigit()  # by number: Kubernetes can check that it is not root
    assert int(user) > 0
    # NVIDIA's image has its user already.
    created = f"chown {user}:{user}" if image == "triton-gpu" else f"--uid {user}"
    assert created in " ".join(arguments(image, "RUN"))
    assert "RUN" not in names[len(names) - names[::-1].index("USER") :]


@pytest.mark.parametrize("image", SERVING)
def test_what_serves_holds_no_framework(image: str) -> None:
    assert not locked(image) & FRAMEWORKS


def test_the_exporter_holds_the_framework() -> None:
    assert locked("exporter") >= {"onnx", "onnxruntime", "torch"}


@pytest.mark.parametrize("image", IMAGES)
def test_it_copies_what_exists_and_nothing_wholesale(image: str) -> None:
    for copy in arguments(image, "COPY"):
        *sources, _ = shlex.split(copy)
        for source in sources:
            assert source not in {".", "./"}
            assert (ROOT / source).exists(), source


@pytest.mark.slow
@pytest.mark.parametrize("image", SERVING)
def test_what_it_copies_and_installs_is_enough(image: str, tmp_path: Path) -> None:
    for copy in arguments(image, "COPY"):
        *sources, target = shlex.split(copy)
        for source in sources:
            place_in(tmp_path, source, target)
    packages = locked(image)
    absent = [
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not any(canonicalize_name(owner) in packages for owner in owners)
        and not module.startswith("_")
        and module not in {"hiir", "service"}
    ]
    assert "torch" in absent
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("HIIR_")
    }
    ran = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *absent],
        cwd=tmp_path,
        env={**environment, "HIIR_MODEL_REPOSITORY": str(ROOT / "model_repository")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr


def place_in(root: Path, source: str, target: str) -> None:
    """What COPY does with one source."""
    destination = root / target
    if (ROOT / source).is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, destination, ignore=ignored, dirs_exist_ok=True)
        return
    if target.endswith("/"):
        destination = destination / Path(source).name
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / source, destination)


@pytest.mark.parametrize("image", [image for image in IMAGES if image != "triton-gpu"])
def test_its_command_runs_a_module_that_exists(image: str) -> None:
    (command,) = arguments(image, "CMD")
    words = json.loads(command)
    assert words[:2] == ["python", "-m"]
    assert importlib.util.find_spec(words[2]) is not None
    for word in words[3:]:
        if word.startswith("service."):
            assert importlib.util.find_spec(word.partition(":")[0]) is not None


@pytest.mark.parametrize("image", SERVING)
def test_it_knows_whether_it_is_healthy(image: str) -> None:
    (check,) = arguments(image, "HEALTHCHECK")
    words = json.loads(check[check.index("[") :])
    if words[1] == "-m":
        assert importlib.util.find_spec(words[2]) is not None
    else:
        compile(words[2], "HEALTHCHECK", "exec")


def test_the_build_sees_only_what_an_image_may_copy() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source if source.startswith("docker/") else Path(source).parts[0]
        for image in IMAGES
        for copy in arguments(image, "COPY")
        for source in shlex.split(copy)[:-1]
    }
    assert copied <= allowed


def test_the_gpu_server_needs_the_standard_library_alone(tmp_path: Path) -> None:
    for copy in arguments("triton-gpu", "COPY"):
        *sources, target = shlex.split(copy)
        for source in sources:
            place_in(tmp_path, source, target)
    # -S: without the packages of this environment.
    ran = subprocess.run(
        [sys.executable, "-S", "-m", "gpu_server", "tritonserver"],
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 1
    assert "this runs in NVIDIA's Triton image" in ran.stderr
