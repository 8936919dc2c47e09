"""Each tenant's secret for signing webhooks, in the form of Standard Webhooks: `whsec_<base64>`.

A tenant has its own, so that nobody else who knows one can speak in the service's name. It is made
when it is first asked for. When it is replaced, both sign for a while: a receiver that knows either
is not deaf in between.
"""

import base64
import secrets
from dataclasses import dataclass
from typing import cast

import redis

from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings, WebhookSettings

_PREFIX = "whsec_"
_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecrets:
    """What signs a tenant's webhooks now."""

    secret: str
    previous: str | None = None
    previous_until: float | None = None
    """Seconds since the epoch."""

    @property
    def signing(self) -> tuple[str, ...]:
        """Every secret that a receiver may know."""
        return (self.secret,) if self.previous is None else (self.secret, self.previous)


class WebhookSecretStore:
    """Secrets in the jobs' database. Every method raises `StoreUnavailableError` without Redis."""

    def __init__(self, *, client: redis.Redis, settings: WebhookSettings) -> None:
        self._redis = client
        self._rotation_seconds = settings.rotation_seconds
        self._read = client.register_script(read_lua("service.webhooks", "read_secret"))
        self._rotate = client.register_script(read_lua("service.webhooks", "rotate_secret"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "WebhookSecretStore":
        """The records beside the jobs."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True), settings=settings.webhooks)

    def close(self) -> None:
        """Drop the connections."""
        self._redis.close()

    def get(self, tenant: str) -> WebhookSecrets:
        """A tenant's secrets, made now if there were none."""
        with redis_errors():
            reply = self._read(keys=[_key(tenant)], args=[_make()])
        match cast("list[str]", reply):
            case [secret, previous, until]:
                return WebhookSecrets(secret=secret, previous=previous, previous_until=float(until))
            case [secret, *_]:
                return WebhookSecrets(secret=secret)
        raise AssertionError("the script returns a secret")

    def rotate(self, tenant: str) -> WebhookSecrets:
        """Give the tenant a new secret; the one before signs beside it for a while."""
        with redis_errors():
            self._rotate(keys=[_key(tenant)], args=[_make(), self._rotation_seconds])
        return self.get(tenant)


def read_secret(secret: str) -> bytes:
    """The key that a secret stands for."""
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)


def _make() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def _key(tenant: str) -> str:
    return f"hiir:webhook-secret:{tenant}"
