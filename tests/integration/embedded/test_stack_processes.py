"""The embedded stack as a process: real servers, killed and interrupted as in real life."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tritonclient.grpc as triton
from redis import Redis
from tritonclient.utils import InferenceServerException

from service.embedded.redis import RedisServer, is_redis_ready
from service.embedded.triton import TritonServer

pytestmark = pytest.mark.integration
DRIVER = Path(__file__).with_name("servers_only.py")
ROOT = Path(__file__).parents[3]
START_TIMEOUT_S = 40
HEAL_TIMEOUT_S = 20


@dataclass(frozen=True, kw_only=True)
class RunningStack:
    process: subprocess.Popen[bytes]
    data_dir: Path
    log: Path

    def state(self) -> dict[str, Any]:
        return json.loads((self.data_dir / "stack.json").read_text())

    def pid(self, name: str) -> int:
        return self.state()["pids"][name]

    def shared_memory(self) -> list[Path]:
        return list(Path("/dev/shm").glob(f"triton_hiir_{self.process.pid}_*"))

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def infer(self) -> bool:
        """Whether the identity model gives back what it is sent."""
        image = np.full((1, 3, 8, 8), 0.25, np.float32)
        tensor = triton.InferInput("input", image.shape, "FP32")
        tensor.set_data_from_numpy(image)
        with triton.InferenceServerClient(self.state()["triton_url"]) as client:
            try:
                answer = client.infer("identity", [tensor], client_timeout=5)
            except InferenceServerException:
                return False
        return bool(np.array_equal(answer.as_numpy("output"), image))


@contextmanager
def running_stack(
    data_dir: Path,
    repository: Path,
    *,
    driver: Sequence[str | Path] = (DRIVER,),
    **environment: str,
) -> Iterator[RunningStack]:
    """Start the driver and wait until it serves; end it in any case."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HIIR_")}
    log = data_dir / "log"
    data_dir.mkdir(exist_ok=True)
    command = [sys.executable, *driver, "up", "--data-dir", data_dir]
    command += ["--model-repository", repository]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            env={**clean, "PYTHONPATH": str(ROOT), **environment},
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        stack = RunningStack(process=process, data_dir=data_dir, log=log)
        try:
            wait_until(lambda: "serving on" in log.read_text() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield stack
        finally:
            process.terminate()
            process.wait(30)


def wait_until(condition: Callable[[], bool], timeout_s: float = START_TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, identity_repository: Path
) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("stack"), identity_repository) as stack:
        yield stack


def test_killed_redis_is_back_with_its_data(stack: RunningStack) -> None:
    with Redis.from_url(stack.state()["redis_url"]) as redis:
        redis.set("kept", "yes")
        killed = stack.pid("redis")
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: stack.pid("redis") != killed, HEAL_TIMEOUT_S)
        wait_until(lambda: asyncio.run(is_redis_ready(stack.state()["redis_url"])), HEAL_TIMEOUT_S)
        assert redis.get("kept") == b"yes"


def test_killed_triton_serves_again(stack: RunningStack) -> None:
    assert stack.infer()
    killed = stack.pid("triton")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: stack.pid("triton") != killed, HEAL_TIMEOUT_S)
    wait_until(stack.infer, HEAL_TIMEOUT_S)
    assert len(stack.shared_memory()) == 1, "the killed server's regions are left"


def test_killed_stub_is_replaced(stack: RunningStack) -> None:
    wait_until(stack.infer, HEAL_TIMEOUT_S)
    server = psutil.Process(stack.pid("triton"))
    (stub,) = server.children()
    stub.kill()
    wait_until(lambda: not stack.infer(), HEAL_TIMEOUT_S)
    wait_until(stack.infer, HEAL_TIMEOUT_S)
    assert stack.pid("triton") != server.pid


def test_second_stack_on_the_same_data_is_refused(
    stack: RunningStack, identity_repository: Path
) -> None:
    command = [sys.executable, "-m", "service.embedded", "up", "--data-dir", str(stack.data_dir)]
    command += ["--model-repository", str(identity_repository)]
    second = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode == 1
    assert "another stack is running" in second.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_leaves_no_process_and_no_shared_memory(
    number: signal.Signals, tmp_path: Path, identity_repository: Path
) -> None:
    with running_stack(tmp_path / "data", identity_repository) as stack:
        children = stack.descendants()
        assert len(children) >= 5  # four components and Triton's stub
        assert stack.shared_memory()
        stack.process.send_signal(number)
        assert stack.process.wait(30) == 0
        assert gone(children)
        assert not stack.shared_memory()
        assert not (stack.data_dir / "stack.json").exists()


def test_children_die_with_a_killed_supervisor_and_the_next_start_cleans_up(
    tmp_path: Path, identity_repository: Path
) -> None:
    with running_stack(tmp_path / "data", identity_repository) as stack:
        children = stack.descendants()
        stack.process.kill()
        stack.process.wait(10)
        wait_until(lambda: gone(children), 15)
    with running_stack(tmp_path / "data", identity_repository) as following:
        assert following.infer()
        assert not stack.shared_memory()


def test_taken_ports_are_stepped_over(tmp_path: Path, identity_repository: Path) -> None:
    taken = set()
    with ExitStack() as sockets:
        for port in (6379, 8000, 8001):
            holder = sockets.enter_context(socket.socket())
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                continue  # another process has it, and may release it before the stack starts
            holder.listen()
            taken.add(port)
        with running_stack(tmp_path / "data", identity_repository) as stack:
            state = stack.state()
            assert stack.infer()
    urls = [state[key] for key in ("api_url", "redis_url", "triton_url")]
    chosen = {int(url.rpartition(":")[2]) for url in urls}
    assert len(chosen) == 3
    assert chosen.isdisjoint(taken)
    assert state["api_url"] in stack.log.read_text()


def test_given_servers_are_used_and_left_running(
    tmp_path: Path,
    identity_repository: Path,
    redis_server: RedisServer,
    triton_server: Callable[[Path], TritonServer],
) -> None:
    triton_given = triton_server(identity_repository)
    given = {
        "HIIR_REDIS_URL": redis_server.url,
        "HIIR_TRITON_URL": triton_given.url,
    }
    with running_stack(tmp_path / "data", identity_repository, **given) as stack:
        assert set(stack.state()["pids"]) == {"worker", "webhooks", "api"}
        assert stack.state()["redis_url"] == redis_server.url
        assert stack.infer()
    assert asyncio.run(redis_server.is_ready())
    assert asyncio.run(triton_given.is_ready())
