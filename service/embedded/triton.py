"""Triton as a child process: backend directory, command line, environment and probe."""

import asyncio
import contextlib
import ctypes
import importlib.resources
import importlib.util
import itertools
import os
import re
import secrets
import shutil
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from service.capacity.model_server import ModelServers
from service.embedded.process_table import has_dead_child, started_at
from service.embedded.triton_release import TritonRelease, TritonUnavailableError

_SHM_DIR = Path("/dev/shm")  # noqa: S108 - where Triton's Python backend puts its regions
_SHM_MARK = "triton_hiir"
_SHM_NAME = re.compile(rf"{_SHM_MARK}_(?P<pid>\d+)_(?P<started>\d+)_")
_EXIT_TIMEOUT_S = 5  # Triton waits this long in full if a stub is dead
_PROBE_TIMEOUT_S = 5.0
_CACHE_DAYS = 30
# All protocols except `health`, `metadata`, `statistics`, `inference` and `model-config`, which
# workers compare.
RESTRICTED_PROTOCOLS = ("shared-memory", "model-repository", "trace", "logging")
_UNSENDABLE = "Closed"
TRACE_ENVIRONMENT = {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1s"}
"""How long Triton waits for a collector, also when it ends; in the format of OpenTelemetry for C++.
"""
_instances = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonServer:
    """A tritonserver on 127.0.0.1 that serves all models of a repository."""

    release: TritonRelease
    model_repository: Path
    work_dir: Path
    port: int
    shm_prefix: str
    traces_url: str | None = None
    """URL to which spans are sent (OTLP over HTTP); None to send no spans."""

    @property
    def url(self) -> str:
        """Address of the gRPC endpoint, without a scheme."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> tuple[str, ...]:
        """Command line: gRPC on this machine, only for inference and health.

        Web pages can send requests to a local HTTP port, and a single request can crash that of
        Triton 2.51 (CVE-2025-23310). HTTP is therefore off, and so is the metrics port. A client
        that may load a model may also upload its files, and thereby run its own code: loading,
        shared memory, traces and logging are off or restricted.
        """
        return (
            str(self.release.server),
            f"--model-repository={self.model_repository}",
            f"--backend-directory={self._backends}",
            "--model-control-mode=none",
            "--exit-on-error=true",
            "--disable-auto-complete-config",
            "--allow-http=false",
            "--allow-metrics=false",
            "--grpc-address=127.0.0.1",
            f"--grpc-port={self.port}",
            restrict_protocols(secrets.token_hex(16)),
            f"--backend-config=python,shm-region-prefix-name={self.shm_prefix}",
            f"--exit-timeout-secs={_EXIT_TIMEOUT_S}",
            # Only CPU inference is used: do not search for GPU libraries.
            "--pinned-memory-pool-byte-size=0",
            "--log-info=false",
            *(() if self.traces_url is None else trace_options(self.traces_url)),
        )

    def environment(self) -> dict[str, str]:
        """Environment that makes Triton's Python stub use this interpreter and its packages.

        Since Python 3.11 the stub ignores `PYTHONPATH` and `PYTHONHOME`, but finds its home,
        including that of a virtual environment, through the first `python3` on `PATH`.
        """
        libraries = [self.release.libraries, *_python_library_dirs()]
        return {
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
            **({} if self.traces_url is None else TRACE_ENVIRONMENT),
        }

    def prepare(self) -> None:
        """Create the backend directory, and remove the shared memory of dead servers.

        Raises:
            TritonUnavailableError: if this Python cannot run the backend.
        """
        _require_openvino()
        _require_python_library()
        self.remove_shared_memory()
        _remove_stale_shared_memory()
        shutil.rmtree(self._backends, ignore_errors=True)
        # The files are copied, because Triton refuses a link that "escapes backend directory".
        python = self._backends / "python"
        shutil.copytree(self.release.python_backend, python)
        shutil.copy(self.release.stub(sysconfig.get_python_version()), python)
        shim = importlib.resources.files("service.embedded.openvino_backend") / "model.py"
        openvino = self._backends / "openvino"
        openvino.mkdir()
        (openvino / "model.py").write_bytes(shim.read_bytes())
        cache = self.release.root.parent / "openvino"
        _remove_old_files(cache)
        (openvino / "cache_dir").write_text(str(cache), encoding="utf-8")

    async def is_ready(self) -> bool:
        """Return whether the server and all its models are ready."""
        return await is_triton_ready(self.url)

    async def is_healthy(self, pid: int) -> bool:
        """Return whether the server with this process id can still run inference.

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


async def is_triton_ready(url: str) -> bool:
    """Ask over gRPC whether the server is ready; if the address has several, one suffices."""
    servers = ModelServers(url=url, timeout_seconds=_PROBE_TIMEOUT_S)
    with contextlib.closing(servers):
        return (await asyncio.to_thread(servers.report, ())).missing is None


def restrict_protocols(value: str) -> str:
    """Return the option that closes all protocols that the service does not use.

    Triton compares a header of each call with a fixed value. Every user of the machine can read
    command lines, so the value is not secret; but the header's name has an uppercase letter, which
    HTTP/2 forbids, so that no call can carry it.
    """
    return f"--grpc-restricted-protocol={','.join(RESTRICTED_PROTOCOLS)}:{_UNSENDABLE}={value}"


def trace_options(url: str) -> tuple[str, ...]:
    """Return the options that send the spans of requests with a `traceparent`.

    Triton records these requests regardless of its sampling rate, and even if their trace is not
    sampled; the engine sends no `traceparent` in that case. The rate applies to all other requests,
    and is so low that practically none is recorded.
    """
    options = {
        "mode": "opentelemetry",
        "level": "TIMESTAMPS",
        "rate": "2147483647",
        "opentelemetry,url": url,
        "opentelemetry,resource": "service.name=hiir-triton",
    }
    return tuple(f"--trace-config={name}={value}" for name, value in options.items())


def unique_shm_prefix() -> str:
    """Return a prefix for the shared memory of one server, unique to its owner."""
    pid = os.getpid()
    return f"{_SHM_MARK}_{pid}_{started_at(pid)}_{next(_instances)}_"


def _remove_stale_shared_memory() -> None:
    """Remove shared memory whose owner (process id and start time) no longer exists."""
    for region in _SHM_DIR.iterdir():
        match = _SHM_NAME.match(region.name)
        if match and started_at(int(match["pid"])) != match["started"]:
            with contextlib.suppress(PermissionError):  # belongs to another user
                region.unlink(missing_ok=True)


def _remove_old_files(folder: Path) -> None:
    """Remove graphs that were compiled long ago, so that those of old exports do not accumulate."""
    oldest = time.time() - _CACHE_DAYS * 24 * 3600
    for file in folder.glob("*"):
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)


def _python_library_dirs() -> list[str]:
    return [sysconfig.get_config_var("LIBDIR"), str(Path(sys.base_prefix, "lib"))]


def _require_openvino() -> None:
    """Check for the `embedded` extra, because Triton's own message would be a long traceback."""
    if importlib.util.find_spec("openvino") is None:
        raise TritonUnavailableError(
            "openvino is not installed: install hiir-restore[embedded], or set HIIR_TRITON_URL "
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
