"""A primary of Redis, two replicas, and three sentinels that name the primary."""

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr
from redis import Redis, RedisError
from redis.sentinel import Sentinel

from service.embedded.ports import choose_port
from service.embedded.redis import RedisServer
from tests.integration.service.stack import Process, wait_until

SERVICE, PASSWORD, SENTINEL_PASSWORD = "hiir", "s3cret-word", "w4tch"
DOWN_AFTER_MS = 1000


class ReplicatedRedis:
    """Running servers; the first one is the primary until it is killed."""

    def __init__(self, folder: Path, taken: set[int]) -> None:
        self.servers: list[Process] = []
        self.ports = [choose_port(27_379, taken=taken) for _ in range(3)]
        self.sentinel_ports = [choose_port(27_479, taken=taken) for _ in range(3)]
        for port in self.ports:
            options = {"masterauth": PASSWORD, "repl-diskless-sync-delay": 0}
            options |= {"min-replicas-to-write": 1, "min-replicas-max-lag": 5}
            if port != self.ports[0]:
                options["replicaof"] = f"127.0.0.1 {self.ports[0]}"
            self.servers.append(self._server(folder / str(port), port, options))
        watch = f"""
            requirepass {SENTINEL_PASSWORD}
            sentinel sentinel-pass {SENTINEL_PASSWORD}
            sentinel monitor {SERVICE} 127.0.0.1 {self.ports[0]} 2
            sentinel auth-pass {SERVICE} {PASSWORD}
            sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}
            sentinel failover-timeout {SERVICE} 5000
        """
        self.sentinels = [
            self._sentinel(folder / str(port), port, watch) for port in self.sentinel_ports
        ]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinel_ports)
        return (
            f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}?sentinel_password={SENTINEL_PASSWORD}"
        )

    def primary_url(self) -> str:
        """The primary that the sentinels name."""
        hosts = [("127.0.0.1", port) for port in self.sentinel_ports]
        with Sentinel(hosts, sentinel_kwargs={"password": SENTINEL_PASSWORD}) as sentinel:
            host, port = sentinel.discover_master(SERVICE)
        return f"redis://:{PASSWORD}@{host}:{port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as started:
            for process in (*self.servers, *self.sentinels):
                started.callback(process.kill)
                process.start()
            wait_until(self._is_complete, "the sentinels to know two replicas in sync")
            yield

    def _is_complete(self) -> bool:
        for port in self.sentinel_ports:
            with Redis(port=port, password=SENTINEL_PASSWORD, decode_responses=True) as client:
                master = client.sentinel_master(SERVICE)
                replicas = client.sentinel_slaves(SERVICE)
            in_sync = [one for one in replicas if one["master-link-status"] == "ok"]
            if master["num-other-sentinels"] != 2 or len(in_sync) != 2:
                return False
        return True

    def _server(self, folder: Path, port: int, options: dict[str, object]) -> Process:
        server = RedisServer(
            data_dir=folder, port=port, max_memory="256mb", password=SecretStr(PASSWORD)
        )

        def prepare() -> None:
            server.prepare()
            with (folder / "redis.conf").open("a") as file:
                file.writelines(f"{name} {value}\n" for name, value in options.items())

        return _process(
            f"redis-{port}", server.command(), folder, lambda: _answers(port, PASSWORD), prepare
        )

    def _sentinel(self, folder: Path, port: int, watch: str) -> Process:
        folder.mkdir()
        file = folder / "sentinel.conf"
        binary = self.servers[0].command[0]

        def prepare() -> None:
            lines = [f"port {port}", "bind 127.0.0.1", f"dir {folder}", *watch.splitlines()]
            file.write_text("".join(f"{line.strip()}\n" for line in lines))

        return _process(
            f"sentinel-{port}",
            (binary, str(file), "--sentinel"),
            folder,
            lambda: _answers(port, SENTINEL_PASSWORD),
            prepare,
        )


def _process(name, command, folder, is_ready, prepare) -> Process:  # type: ignore[no-untyped-def]
    return Process(
        name=name,
        command=command,
        environment=dict(os.environ),
        log=folder.parent / f"{name}.log",
        is_ready=is_ready,
        prepare=prepare,
    )


def _answers(port: int, password: str) -> bool:
    with contextlib.suppress(RedisError), Redis(port=port, password=password) as client:
        return bool(client.ping())
    time.sleep(0.05)
    return False
