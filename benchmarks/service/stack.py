"""A whole service of its own for a benchmark: a client, its processes, and what they take.

The model that it serves may be one that changes nothing and costs nothing: what is measured then is
the service's own.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import onnx
import psutil
from onnx import TensorProto, helper

from hiir.export.triton_config import render_config
from hiir.imaging import ModelContract

START_SECONDS = 240
IDENTITY = ModelContract(
    name="identity",
    task="identity",
    version="1",
    architecture="identity",
    scale=1,
    input_channels=3,
    output_channels=3,
    tile=256,
    overlap=32,
    size_multiple=8,
    sha256="0" * 64,
    provenance={},
    quality={},
)
# One client sends all, and the same photos: it meets neither the limits of a tenant nor its cache.
_WITHOUT_LIMITS = {
    "HIIR_CACHE__ENABLED": "false",
    "HIIR_TENANTS__SUBMITS_PER_MINUTE": 10**6,
    "HIIR_TENANTS__BURST": 10**6,
    "HIIR_TENANTS__OPEN_JOBS": 1000,
    "HIIR_TENANTS__MEGAPIXELS_PER_DAY": 10**6,
}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A service that runs."""

    client: httpx.Client
    state: Path
    log: Path

    def addresses(self) -> dict[str, Any]:
        return json.loads(self.state.read_text())

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Those of each server, the first one before its descendants."""
        found = {}
        for name, pid in self.addresses()["pids"].items():
            with contextlib.suppress(psutil.NoSuchProcess):
                first = psutil.Process(pid)
                found[name] = [first, *first.children(recursive=True)]
        return found

    def resident_mib(self) -> dict[str, dict[int, float]]:
        """Resident sets of each server's processes, by their ids."""
        return {
            name: {process.pid: _look(process).resident for process in processes}
            for name, processes in self.processes().items()
        }

    def submit(
        self, content: bytes | BinaryIO, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return self.client.post(
            "/v1/jobs", data={"task": IDENTITY.task}, files={"file": content}, headers=headers
        )

    def wait(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job as it ended."""
        while job["status"] not in {"succeeded", "failed", "canceled"}:
            job = self.client.get(job["urls"]["self"], params={"wait": 60}).json()
        return job


@dataclass(frozen=True, kw_only=True)
class _Look:
    resident: float = 0.0
    """MiB."""
    highest: float = 0.0
    """The most that it ever was."""
    seconds: float = 0.0
    """Of the processor."""


def _look(process: psutil.Process) -> _Look:
    """At a process, of which nothing is left if it has just ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        times = process.cpu_times()
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        return _Look()
    sizes = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return _Look(
        resident=int(sizes.get("VmRSS", 0)) / 1024,
        highest=int(sizes.get("VmHWM", 0)) / 1024,
        seconds=times.user + times.system,
    )


class Watch(threading.Thread):
    """Looks at a service's processes four times a second, those that come and go included.

    ``with Watch(stack) as watch: ...``; then it has the figures of each server.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._over = threading.Event()
        self._first: dict[psutil.Process, float] = {}
        self._last: dict[psutil.Process, tuple[str, float]] = {}
        self.peak_mib: dict[str, float] = {}
        """The most that the highest resident sets of its living processes came to together."""

    def __enter__(self) -> "Watch":
        self._note(first=True)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        self._note()

    def seconds(self) -> dict[str, float]:
        """Of the processor, that each server has used meanwhile."""
        used = dict.fromkeys(self.peak_mib, 0.0)
        for process, (name, last) in self._last.items():
            used[name] += last - self._first.get(process, 0.0)
        return used

    def run(self) -> None:
        while not self._over.wait(0.25):
            self._note()

    def _note(self, *, first: bool = False) -> None:
        for name, processes in self._stack.processes().items():
            looks = {process: _look(process) for process in processes}
            highest = sum(look.highest for look in looks.values())
            self.peak_mib[name] = max(self.peak_mib.get(name, 0.0), highest)
            for process, look in looks.items():
                if first:
                    self._first[process] = look.seconds
                elif look.seconds:
                    self._last[process] = (name, look.seconds)


@contextmanager
def running_stack(
    folder: Path,
    repository: Path,
    *,
    workers: int = 2,
    settings: Mapping[str, object] | None = None,
) -> Iterator[Stack]:
    """Start Redis, Triton, workers and API around the block; exits with the log if they fail."""
    log, state = folder / "service.log", folder / "data" / "stack.json"
    command = [sys.executable, "-m", "service.embedded", "up", "--data-dir", str(folder / "data")]
    command += ["--model-repository", str(repository), "--worker-concurrency", str(workers)]
    chosen = {**_WITHOUT_LIMITS, **(settings or {})}
    with child(command, log, **{name: str(value) for name, value in chosen.items()}) as process:
        deadline = time.monotonic() + START_SECONDS
        while not (state.exists() and "serving on" in log.read_text()):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the stack does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        url = json.loads(state.read_text())["api_url"]
        with httpx.Client(base_url=url, timeout=600, trust_env=False) as client:
            yield Stack(client=client, state=state, log=log)


@contextmanager
def child(command: Sequence[str], log: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """Run a server around the block."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            with contextlib.suppress(ProcessLookupError):  # LitServe leaves its workers behind
                os.killpg(process.pid, signal.SIGKILL)


def identity_repository(folder: Path) -> Path:
    """Write a model that returns its input; returns the repository."""
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, "height", "width"])
        for name in ("input", "output")
    ]
    node = helper.make_node("Identity", ["input"], ["output"])
    graph = helper.make_graph([node], "identity", tensors[:1], tensors[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    version = folder / "models" / IDENTITY.name / "1"
    version.mkdir(parents=True)
    onnx.save(model, version / "model.onnx")
    (version.parent / "config.pbtxt").write_text(render_config(IDENTITY))
    return folder / "models"
