"""Settings of the embedded stack: which servers it starts, where, and what it keeps.

They share the prefix of `service.settings`, whose class every child builds for itself. Here an
absent address means something that it cannot mean there: start a server of our own.
"""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.settings import AuthMode, is_loopback

Port = Annotated[int, Field(ge=1, le=65_535)]


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


class StackSettings(BaseSettings):
    """Everything that `up` can be told, by environment (`HIIR_PORT=9000`) or by option."""

    model_config = SettingsConfigDict(env_prefix="HIIR_", frozen=True, extra="forbid")

    host: str = "127.0.0.1"

    port: Port | None = None
    """The API's port; unless given, 8000 or the next free one."""

    auth: AuthMode | None = None
    """Who may use the API; unless given, everybody on this machine if it listens there alone."""

    api_key: SecretStr | None = None
    """What the sample is sent with, where keys are asked for."""

    redis_url: str | None = None
    """A Redis that runs already, used instead of starting one."""

    triton_url: str | None = None
    """gRPC address of a Triton that runs already, used instead of starting one."""

    triton_http_url: str | None = None
    """HTTP address of that Triton; guessed from the gRPC port unless given."""

    model_repository: Path = Path("model_repository")

    data_dir: Path = Path(".hiir")
    """What survives a restart: Redis's append-only file; also the state file and the lock."""

    cache_dir: Path = Field(default_factory=lambda: _user_cache() / "hiir")
    """Where the Triton release is unpacked, once for all checkouts of a user."""

    worker_concurrency: PositiveInt = 2

    redis_max_memory: str = "2gb"
    """Beyond it Redis refuses writes, and the API answers 503; nothing is ever evicted."""

    @property
    def auth_mode(self) -> AuthMode:
        """Who may use the API."""
        if self.auth is not None:
            return self.auth
        return AuthMode.OPEN if is_loopback(self.host) else AuthMode.KEYS
