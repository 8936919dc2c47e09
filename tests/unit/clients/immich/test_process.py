"""The sidecar as a process: `kill -9` loses nothing, SIGTERM ends it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.unit.clients.immich.fakes import API_KEY, FakeImmich, FakeService, Handler, served

ROOT = Path(__file__).parents[4]
PYTHONPATH = os.pathsep.join(str(ROOT / "clients" / name) for name in ("immich", "python"))


@contextmanager
def started(url: str, state: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a sidecar; it is killed at the end if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "hiir_immich.sidecar"],
        env={
            "PYTHONPATH": PYTHONPATH,
            "IMMICH_URL": url,
            "IMMICH_API_KEY": API_KEY,
            "IMMICH_ALBUM": "Restore",
            "HIIR_URL": url,
            "HIIR_TASK": "denoise",
            "POLL_SECONDS": "0.1",
            "STATE_FILE": str(state),
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def both(immich: FakeImmich, service: FakeService) -> Handler:
    """Return one handler for both, which have no path in common."""
    return lambda request: (immich if request.url.path.startswith("/api/") else service)(request)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("path", ["/api/assets", "/api/stacks"])
def test_a_killed_sidecar_continues_where_it_was(
    immich: FakeImmich, service: FakeService, tmp_path: Path, path: str
) -> None:
    """Killed after Immich has stored the copy, or after that, before the stack exists."""
    immich.albums["Restore"] = ["asset-0"]
    process: subprocess.Popen[str] | None = None

    def kill(request: httpx.Request) -> httpx.Response | None:
        if request.url.path != path or request.method != "POST":
            return None
        immich.before = lambda _: None
        if path == "/api/assets":
            immich(request)
        assert process is not None
        process.kill()
        process.wait()
        return httpx.Response(500)  # nobody receives it

    immich.before = kill
    with served(both(immich, service)) as url:
        with started(url, tmp_path / "state") as process:
            assert process.wait(timeout=30) == -signal.SIGKILL
        assert immich.uploads == ["created"]
        assert immich.stacks == []
        with started(url, tmp_path / "state") as process:
            wait_until(lambda: bool(immich.stacks))
            process.terminate()
            assert process.wait(timeout=30) == 0
    assert immich.stacks == [["asset-3", "asset-0"]]
    assert immich.uploads.count("created") == 1
    assert service.submissions == ["beach.jpg"]


def test_sigterm_ends_a_waiting_sidecar_with_0(
    immich: FakeImmich, service: FakeService, tmp_path: Path
) -> None:
    with (
        served(both(immich, service)) as url,
        started(url, tmp_path / "state", POLL_SECONDS="1000") as process,
    ):
        wait_until(lambda: len(immich.stacks) == 2)
        process.terminate()
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        log = process.stderr.read()
    assert "harbor.jpg failed: image-corrupt: What was wrong" in log
    assert "beach.jpg is restored and stacked" in log


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"IMMICH_URL": ""}, "IMMICH_URL is not set."),
        ({"IMMICH_TAG": "a"}, "Set either IMMICH_ALBUM or IMMICH_TAG."),
        ({"HIIR_STRENGTH": "101"}, "HIIR_STRENGTH is 0 to 100, not 101."),
        ({"POLL_SECONDS": "soon"}, "A number in the environment is wrong"),
        ({"HIIR_URL": "hiir:8000"}, "HIIR_URL begins with http:// or https://, not 'hiir:8000'."),
        ({"IMMICH_PRIMARY": "both"}, "IMMICH_PRIMARY is restored or original, not 'both'."),
    ],
)
def test_wrong_settings_are_named(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    with started("http://127.0.0.1:9", tmp_path / "state", **environment) as process:
        _, log = process.communicate(timeout=30)
    assert process.returncode == 2
    assert message in log
