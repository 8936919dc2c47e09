"""`hiir restore` starts a service where none runs, and leaves none behind."""

import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from tests.integration.service.stack import ENVIRONMENT, photo, read, wait_until, write

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# On this machine another service may run on the default port.
SCRIPT = """
import sys
from pathlib import Path
from hiir import cli
from hiir.cli.photos import local_service
local_service.DEFAULT_URL = "http://127.0.0.1:9"
local_service._model_repository = lambda: Path(sys.argv[1])
sys.exit(cli.main(sys.argv[2:]))
"""


def begin(models: Path, folder: Path, task: str) -> "subprocess.Popen[str]":
    arguments = ["restore", str(folder / "a.png"), "-o", str(folder / "out"), "--task", task]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(models), *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def descendants(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_a_service_is_started_used_and_stopped(service_repository: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(write(photo(40, 50)))
    process = begin(service_repository, tmp_path, "identity")
    servers = wait_until(lambda: descendants(process) or process.poll(), "the service to start")
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    np.testing.assert_array_equal(read((tmp_path / "out/a.png").read_bytes()), photo(40, 50))
    assert "no service runs on this machine; starting one" in errors
    url = errors.partition("ready at ")[2].split()[0]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/livez", trust_env=False)
    assert not any(server.is_running() for server in servers)


def test_a_killed_command_takes_its_service_with_it(
    service_repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(write(photo(1500, 2000)))
    process = begin(service_repository, tmp_path, "slow-identity")
    assert process.stderr is not None
    while "ready at" not in (line := process.stderr.readline()):
        assert line
    servers = descendants(process)
    assert len(servers) >= 5
    process.kill()
    process.communicate()
    wait_until(lambda: not any(map(psutil.Process.is_running, servers)), "the service to end")


def test_a_service_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(write(photo(40, 50)))
    process = begin(tmp_path / "nothing", tmp_path, "identity")
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 2
    assert "contains no model" in errors
