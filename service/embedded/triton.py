"""Triton as a child process: backend directory, command line, environment and probe."""

import contextlib
import ctypes
import importlib.resources
import importlib.util
import itertools
import os
import re
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.embedded.process_table import has_dead_child, started_at
from service.embedded.triton_release import TritonRelease, TritonUnavailableError

_SHM_DIR = Path("/dev/shm")  # noqa: S108 - where Triton's Python backend puts its regions
_SHM_MARK = "triton_hiir"
_SHM_NAME = re.compile(rf"{_SHM_MARK}_(?P<pid>\d+)_(?P<started>\d+)_")
_EXIT_TIMEOUT_S = 5  # Triton waits for all of it if a stub is dead
_PROBE_TIMEOUT_S = 5.0
_instances = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonServer:
    """A tritonserver on 127.0.0.1 that serves all models of a repository."""

    release: TritonRelease
    model_repository: Path
    work_dir: Path
    grpc_port: int
    http_port: int
    metrics_port: int
    shm_prefix: str

    @property
    def http_url(self) -> str:
        """URL of the HTTP endpoint."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_url(self) -> str:
        """Address of the gRPC endpoint, without a scheme."""
        return f"127.0.0.1:{self.grpc_port}"

    def command(self) -> tuple[str, ...]:
        """Command line: local addresses only; clients cannot load models.

        A client that may load a model may upload its files, and so run its own code.
        """
        return (
            str(self.release.server),
            f"--model-repository={self.model_repository}",
            f"--backend-directory={self._backends}",
            "--model-control-mode=none",
            "--exit-on-error=true",
            "--disable-auto-complete-config",
            "--http-address=127.0.0.1",
            f"--http-port={self.http_port}",
            "--grpc-address=127.0.0.1",
            f"--grpc-port={self.grpc_port}",
            "--metrics-address=127.0.0.1",
            f"--metrics-port={self.metrics_port}",
            f"--backend-config=python,shm-region-prefix-name={self.shm_prefix}",
            f"--exit-timeout-secs={_EXIT_TIMEOUT_S}",
            # CPU inference only: do not search for GPU libraries.
            "--pinned-memory-pool-byte-size=0",
            "--allow-gpu-metrics=false",
            "--log-info=false",
        )

    def environment(self) -> dict[str, str]:
        """Environment that makes Triton's Python stub use this interpreter and its packages.

        From Python 3.11 on the stub ignores `PYTHONPATH` and `PYTHONHOME`, but finds its home, even
        that of a virtual environment, through the first `python3` on `PATH`.
        """
        libraries = [self.release.libraries, *_python_library_dirs()]
        return {
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
        }

    def prepare(self) -> None:
        """Create the backend directory, and remove the shared memory of dead servers.

        Raises `TritonUnavailableError` if this Python cannot run the backend.
        """
        _require_onnxruntime()
        _require_python_library()
        self.remove_shared_memory()
        _remove_stale_shared_memory()
        shutil.rmtree(self._backends, ignore_errors=True)
        # Copies, not links: Triton refuses a file that "escapes backend directory".
        python = self._backends / "python"
        shutil.copytree(self.release.python_backend, python)
        shutil.copy(self.release.stub(sysconfig.get_python_version()), python)
        shim = importlib.resources.files("service.embedded.onnxruntime_backend") / "model.py"
        onnxruntime = self._backends / "onnxruntime"
        onnxruntime.mkdir()
        (onnxruntime / "model.py").write_bytes(shim.read_bytes())

    async def is_ready(self) -> bool:
        """Return whether the server and all its models are ready."""
        return await is_triton_ready(self.http_url)

    async def is_healthy(self, pid: int) -> bool:
        """Return whether the server with this process id can still infer.

        Triton does not notice or restart a stub that was killed: it stays "ready" while every
        request fails. The zombie child process reveals it.
        """
        return await self.is_ready() and not has_dead_child(pid)

    def remove_shared_memory(self) -> None:
        """Remove the shared memory of this server, which must not be running."""
        for region in _SHM_DIR.glob(f"{self.shm_prefix}*"):
            region.unlink(missing_ok=True)

    @property
    def _backends(self) -> Path:
        return self.work_dir / "backends"


async def is_triton_ready(http_url: str) -> bool:
    """Ask a server over HTTP whether it is ready."""
    try:
        async with httpx.AsyncClient(timeout=_PROBE_TIMEOUT_S, trust_env=False) as client:
            response = await client.get(f"{http_url}/v2/health/ready")
    except httpx.HTTPError:
        return False
    return response.status_code == httpx.codes.OK


def unique_shm_prefix() -> str:
    """Prefix for the shared memory of one server, unique to its owner."""
    pid = os.getpid()
    return f"{_SHM_MARK}_{pid}_{started_at(pid)}_{next(_instances)}_"


def _remove_stale_shared_memory() -> None:
    """Remove shared memory whose owner (process id and start time) no longer exists."""
    for region in _SHM_DIR.iterdir():
        match = _SHM_NAME.match(region.name)
        if match and started_at(int(match["pid"])) != match["started"]:
            with contextlib.suppress(PermissionError):  # belongs to another user
                region.unlink(missing_ok=True)


def _python_library_dirs() -> list[str]:
    return [sysconfig.get_config_var("LIBDIR"), str(Path(sys.base_prefix, "lib"))]


def _require_onnxruntime() -> None:
    """Check for the `embedded` extra; Triton's own message would be a long traceback."""
    if importlib.util.find_spec("onnxruntime") is None:
        raise TritonUnavailableError(
            "onnxruntime is not installed: install hiir-restore[embedded], or set HIIR_TRITON_URL "
            "to a running server"
        )


def _require_python_library() -> None:
    """Check for libpython: without it the stub dies silently, and Triton waits half a minute."""
    name = sysconfig.get_config_var("INSTSONAME")
    if any(Path(folder, name).is_file() for folder in _python_library_dirs()):
        return
    try:
        ctypes.CDLL(name)
    except OSError as error:
        raise TritonUnavailableError(
            f"Triton's Python stub needs {name}, which this Python ({sys.executable}) was built "
            "without; use a Python with a shared library, such as your distribution's"
        ) from error
