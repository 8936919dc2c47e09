"""What a supervisor, a container and a load balancer are told."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.integration.service.stack import ROOT, Stack, wait_until

pytestmark = pytest.mark.integration


def worker_health(stack: Stack) -> int:
    """Exit status of the worker's health check, run as its container does."""
    command = [sys.executable, "-m", "service.worker.health"]
    environment = dict(stack.worker.environment)
    done = subprocess.run(command, cwd=ROOT, env=environment, timeout=60, check=False)
    return done.returncode


def test_ready_service_says_so(stack: Stack) -> None:
    answer = stack.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "components": {
            "redis": "ready",
            "memory": "ready",
            "triton": "ready",
            "worker": "ready",
        },
    }
    assert stack.client.get("/livez").json() == {"status": "alive"}
    # A heartbeat that is late on a busy machine is followed by the next one.
    wait_until(lambda: worker_health(stack) == 0, "the worker's heartbeat", pause_s=0.5)


def test_worker_whose_event_loop_hangs_is_not_alive(stack: Stack) -> None:
    parent = psutil.Process(stack.worker.pid)
    parent.suspend()
    try:
        wait_until(lambda: worker_health(stack) == 1, "the heartbeat to be missed", pause_s=0.5)
        answer = wait_until(
            lambda: (got := stack.client.get("/readyz")).status_code == 503 and got,
            "the API to notice",
        )
        assert answer.json()["components"]["worker"] != "ready"
        assert int(answer.headers["retry-after"]) >= 1
    finally:
        parent.resume()
    wait_until(lambda: worker_health(stack) == 0, "the worker to be back", pause_s=0.5)


def test_worker_is_not_alive_without_redis(stack: Stack) -> None:
    stack.redis.kill()
    assert worker_health(stack) == 1


def test_services_run_without_torch(stack: Stack) -> None:
    for process in (stack.api, stack.worker):
        loaded = Path(f"/proc/{process.pid}/maps").read_text()
        assert "libpython" in loaded or "python3" in loaded
        assert "libtorch" not in loaded
