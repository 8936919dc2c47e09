"""The real service as processes that a test can kill, stop and start again."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image
from redis import Redis

ROOT = Path(__file__).parents[3]
# For commands in processes of their own: the client as it is here, and not as it is installed.
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "clients/python"))),
}
PATIENCE_S = 90
"""For what takes a second or two on an idle machine: the tests must hold on a busy one."""

_TERMINAL = {"succeeded", "failed", "canceled"}


def wait_until(
    condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S, pause_s: float = 0.05
) -> Any:
    """Return the first true value of `condition`."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain: {what}"
        time.sleep(pause_s)
    return value


@dataclass(kw_only=True)
class Process:
    """One server, in a process group of its own, its output in a file."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[[], bool]
    prepare: Callable[[], None] = lambda: None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        self.prepare()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until(self._ready_or_dead, f"{self.name} to be ready")

    def kill(self) -> None:
        """`kill -9` of the whole group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def terminate(self, timeout_s: float = PATIENCE_S) -> int:
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        finally:
            self.process = None

    @property
    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(self.pid), *self.children()]

    def _ready_or_dead(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()[-2000:]}"
        return self.is_ready()


@dataclass(kw_only=True)
class Stack:
    """Redis, Triton, worker and API, and a client of them."""

    redis: Process
    triton: Process
    worker: Process
    webhooks: Process
    """Started by the tests that need it."""
    api: Process
    redis_url: str
    triton_url: str
    spool: Path
    client: httpx.Client

    def start(self) -> None:
        """Start whatever is not running."""
        # Triton may crash by itself, and no test is about that: what supervises it starts it again.
        if self.triton.has_ended:
            self.triton.kill()
        for process in (self.redis, self.triton, self.worker, self.api):
            if process.process is None:
                process.start()
        wait_until(lambda: self.client.get("/readyz").status_code == 200, "the service to be ready")

    def kill(self) -> None:
        for process in (self.api, self.webhooks, self.worker, self.triton, self.redis):
            process.kill()

    def database(self, number: int) -> "Redis[Any]":
        return Redis.from_url(f"{self.redis_url}/{number}", decode_responses=number != 2)

    def count_queued(self) -> int:
        """Jobs that wait, of both priorities."""
        with self.database(1) as redis:
            keys = ("hiir:turns:interactive", "hiir:turns:batch", "hiir:delayed")
            return sum(redis.zcard(key) for key in keys)

    def job_keys(self) -> set[str]:
        with self.database(1) as redis:
            return set(redis.keys("hiir:job:*"))

    def has_open_jobs(self) -> bool:
        with self.database(1) as redis:
            # A record may expire between the two calls: None is no open job.
            states = {redis.hget(key, "status") for key in redis.keys("hiir:job:*")}
        return not states <= {*_TERMINAL, None}

    def blob_keys(self) -> set[bytes]:
        with self.database(2) as redis:
            return set(redis.keys("*"))

    def stored(self) -> tuple[set[str], set[bytes]]:
        """Everything that a job leaves: records and blobs."""
        return self.job_keys(), self.blob_keys()

    def spooled(self) -> set[Path]:
        """Unnamed files in the folder of uploads that the API holds open."""
        found = set()
        for link in Path(f"/proc/{self.api.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.add(link.readlink())
        return {path for path in found if path.is_relative_to(self.spool)}

    def record(self, job_id: str) -> dict[str, str]:
        """The record as it stands in Redis."""
        with self.database(1) as redis:
            return redis.hgetall(f"hiir:job:{job_id}")

    def submit(
        self, content: bytes, task: str, name: str = "photo.png", **fields: str
    ) -> dict[str, Any]:
        answer = self.client.post(
            "/v1/jobs", data={"task": task, **fields}, files={"file": (name, content)}
        )
        assert answer.status_code == 202, answer.text
        return answer.json()

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_for(
        self, job_id: str, condition: Callable[[dict[str, Any]], Any], what: str
    ) -> dict[str, Any]:
        """Follow a job until `condition` holds, through outages of the API's servers."""

        def look() -> dict[str, Any] | None:
            answer = self.client.get(f"/v1/jobs/{job_id}")
            if answer.status_code == 503:
                return None
            assert answer.status_code == 200, answer.text
            return answer.json() if condition(answer.json()) else None

        return wait_until(look, what)

    def wait_running(self, job_id: str, tiles: int = 1) -> dict[str, Any]:
        """Until `tiles` tiles are done, and more are to do."""
        job = self.wait_for(
            job_id,
            lambda job: job["progress"]["tiles_done"] >= tiles or job["status"] in _TERMINAL,
            "the job to run",
        )
        assert job["status"] == "running", job
        return job

    def wait_end(self, job_id: str) -> dict[str, Any]:
        return self.wait_for(job_id, lambda job: job["status"] in _TERMINAL, "the job to end")

    def result(self, job_id: str) -> bytes:
        answer = self.client.get(f"/v1/jobs/{job_id}/result")
        assert answer.status_code == 200, answer.text
        return answer.content

    def ends_succeeded_once(self, job_id: str, sent: np.ndarray) -> dict[str, Any]:
        """Assert that the job ends well, with the right pixels, and that nothing undoes it."""
        job = self.wait_end(job_id)
        assert job["status"] == "succeeded", job
        np.testing.assert_array_equal(read(self.result(job_id)), sent)
        finished_by = self.record(job_id)["finished_by"]
        assert finished_by
        with self.database(1) as redis:
            assert redis.zscore("hiir:leases", job_id) is None
            assert not redis.sismember("hiir:running-batch", job_id)
            for queue in redis.keys("hiir:queue:*"):
                assert redis.zscore(queue, job_id) is None
        return job


def ready(probe: Callable[[], Awaitable[bool]]) -> Callable[[], bool]:
    """A server's asynchronous probe, for a caller without a loop."""
    return lambda: asyncio.run(probe())


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """`(H, W, 3)` uint8: smooth structure and noise, nowhere constant."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    smooth = 127 + 80 * np.sin(rows / 37 + seed) * np.cos(columns / 53)
    noisy = smooth[..., np.newaxis] + generator.normal(0, 15, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def write(pixels: np.ndarray, image_format: str = "PNG", **options: Any) -> bytes:
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, format=image_format, **options)
    return output.getvalue()


def read(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)
