"""The service on this machine: a running one, or one that a command starts for itself."""

import ctypes
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hiir.errors import HiirError

if TYPE_CHECKING:
    from hiir_client import Task

__all__ = ["ServiceError", "find_tasks", "own_service", "running_service"]

DEFAULT_URL = "http://127.0.0.1:8000"
_START_S = 600.0
"""Maximum seconds for the start; the first one downloads Triton."""
_STOP_S = 60.0
_PR_SET_PDEATHSIG = 1
_MODELS = "model_repository"


class ServiceError(HiirError):
    """No service is running, and none could be started."""


def find_tasks(url: str, *, api_key: str | None, retries: int) -> "Sequence[Task]":
    """Return the tasks of a service.

    Raises:
        HiirClientError: the errors of `hiir_client`.
    """
    from hiir_client import Client, RetryPolicy

    with Client(url, api_key=api_key, retries=RetryPolicy(retries=retries)) as client:
        return client.tasks.list()


def running_service(*, api_key: str | None) -> str | None:
    """Return the address of the service that runs on this machine; None if there is none.

    It is the service of `hiir up` in the current folder, or any service on the default port.
    """
    from hiir_client import ApiError, HiirClientError

    for url in (_address(Path(".hiir")), DEFAULT_URL):
        if url is None:
            continue
        try:
            find_tasks(url, api_key=api_key, retries=0)
        except ApiError:
            return url  # it answers; the command will show its error
        except HiirClientError:
            continue
        return url
    return None


@contextmanager
def own_service() -> Iterator[str]:
    """Run a service around the block; yields its address.

    Its data are in a temporary folder. It ends with this process in every case.

    Raises:
        ServiceError: if it cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="hiir-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        command = [sys.executable, "-m", "service.embedded", "up", "--data-dir", str(data / "data")]
        command += ["--model-repository", str(_model_repository())]
        with (data / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - this Python, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this command, which stops the service
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        try:
            yield _wait_until_ready(process, data)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_ready(process: "subprocess.Popen[bytes]", data: Path) -> str:
    from hiir_client import HiirClientError

    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            lines = (data / "log").read_text(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else f"status {process.returncode}"
            raise ServiceError(f"The service did not start: {reason}")
        url = _address(data / "data")
        if url is not None:
            try:
                find_tasks(url, api_key=None, retries=0)
            except HiirClientError:
                pass
            else:
                return url
        time.sleep(0.2)
    raise ServiceError(f"The service was not ready within {_START_S:.0f} s.")


def _address(data_dir: Path) -> str | None:
    """Return the address in the state file of a stack; None if there is none."""
    try:
        return str(json.loads((data_dir / "stack.json").read_text())["api_url"])
    except (OSError, ValueError, KeyError):
        return None


def _model_repository() -> Path:
    """Return the models of the current folder, or of the checkout that contains this file."""
    here = Path(_MODELS)
    return here if here.is_dir() else Path(__file__).parents[3] / _MODELS
