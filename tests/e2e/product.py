"""The whole product as a process, which a test can hurt."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.integration.service.stack import ROOT, wait_until

START_TIMEOUT_S = 180
# Recovery within seconds, so that tests need not wait for it.
SHORT_LEASES = {
    "HIIR_CACHE__ENABLED": "false",  # tests restore the same photo again
    "HIIR_TENANTS__BURST": "1000",
    "HIIR_TENANTS__OPEN_JOBS": "1000",
    "HIIR_JOBS__LEASE_SECONDS": "6",
    "HIIR_JOBS__REAPER_SECONDS": "0.5",
    "HIIR_JOBS__REPUBLISH_SECONDS": "2",
    "HIIR_JOBS__DRAIN_SECONDS": "2",
}


def up(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hiir.cli", "up", *arguments]


def environment(**changes: str) -> dict[str, str]:
    """The caller's, without settings of the service but those given."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HIIR_")}
    return {**clean, **changes}


@dataclass(frozen=True, kw_only=True)
class Product:
    """A running `hiir up`, found through its state file."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    client: httpx.Client

    def pid(self, name: str) -> int:
        return self._state()["pids"][name]

    def kill(self, name: str) -> None:
        """`kill -9` of one server; returns when the supervisor has started another."""
        killed = self.pid(name)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: self.pid(name) != killed, f"{name} to be restarted")

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def submit(
        self, content: bytes, task: str, *, right: bytes | None = None, **fields: str
    ) -> str:
        files = {"file": content} | ({} if right is None else {"file_right": right})
        answer = self.client.post("/v1/jobs", data={"task": task, **fields}, files=files)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def wait_for(
        self, job_id: str, condition: Callable[[dict[str, Any]], Any], what: str
    ) -> dict[str, Any]:
        """Follow a job until `condition` holds, whatever is down in between."""

        def look() -> dict[str, Any] | None:
            with contextlib.suppress(httpx.TransportError):
                answer = self.client.get(f"/v1/jobs/{job_id}")
                if answer.status_code != 503:
                    assert answer.status_code == 200, answer.text
                    return answer.json() if condition(answer.json()) else None
            return None

        return wait_until(look, what)

    def _state(self) -> dict[str, Any]:
        return json.loads((self.data_dir / "stack.json").read_text())


@contextmanager
def running_product(
    folder: Path, model_repository: Path, changes: Mapping[str, str]
) -> Iterator[Product]:
    data_dir, log = folder / "data", folder / "log"
    command = up("--data-dir", str(data_dir), "--model-repository", str(model_repository))
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(**{**SHORT_LEASES, **changes}),
            stdin=subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            wait_until(
                lambda: "serving on" in log.read_text() or process.poll() is not None,
                "the service to start",
                START_TIMEOUT_S,
            )
            assert process.poll() is None, log.read_text()
            url = json.loads((data_dir / "stack.json").read_text())["api_url"]
            with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
                yield Product(process=process, data_dir=data_dir, client=client)
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
