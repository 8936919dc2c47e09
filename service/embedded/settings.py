"""Settings of the embedded stack: its servers, their addresses, and its data.

They share the prefix of `service.settings`, which every child process reads. An absent address
means here that the stack starts its own server.
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
    """Options of `up`, from the environment (`HIIR_PORT=9000`) or the command line."""

    model_config = SettingsConfigDict(
        env_prefix="HIIR_", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    host: str = "127.0.0.1"

    port: Port | None = None
    """The API's port; by default 8000 or the next free one."""

    auth: AuthMode | None = None
    """Who may use the API; by default everybody if it listens on this machine only."""

    api_key: SecretStr | None = None
    """API key for the sample, where keys are required."""

    redis_url: SecretStr | None = None
    """An external Redis to use instead of starting one."""

    triton_url: str | None = None
    """gRPC address of an external Triton to use instead of starting one."""

    model_repository: Path = Path("model_repository")

    data_dir: Path = Path(".hiir")
    """Persistent data: Redis's append-only file, the state file and the lock."""

    cache_dir: Path = Field(default_factory=lambda: _user_cache() / "hiir")
    """Where the Triton release is unpacked, for all checkouts of a user."""

    worker_concurrency: PositiveInt = 2

    redis_max_memory: str = "2gb"
    """Memory limit of Redis. When it is reached, the API answers 503; nothing is evicted."""

    @property
    def auth_mode(self) -> AuthMode:
        """Who may use the API."""
        if self.auth is not None:
            return self.auth
        return AuthMode.OPEN if is_loopback(self.host) else AuthMode.KEYS
