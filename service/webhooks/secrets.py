"""Secrets that sign webhooks, one per tenant, in the format of Standard Webhooks: `whsec_<base64>`.

Separate secrets prevent one tenant from forging requests to another. A secret is created on first
use. After a rotation both secrets sign for some time, so that receivers can verify with either one.
"""

import base64
import secrets
from dataclasses import dataclass, field
from typing import cast

import redis

from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings
from service.settings.webhooks import WebhookSettings

_PREFIX = "whsec_"
_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecrets:
    """The secrets that currently sign a tenant's webhooks."""

    secret: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)
    previous_until: float | None = None
    """Time until which the previous secret signs, in seconds since the epoch."""

    @property
    def signing(self) -> tuple[str, ...]:
        """All secrets that sign."""
        return (self.secret,) if self.previous is None else (self.secret, self.previous)


class WebhookSecretStore:
    """Secrets of all tenants. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(self, *, client: redis.Redis, settings: WebhookSettings) -> None:
        self._redis = client
        self._rotation_seconds = settings.rotation_seconds
        self._read = client.register_script(read_lua("service.webhooks", "read_secret"))
        self._rotate = client.register_script(read_lua("service.webhooks", "rotate_secret"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "WebhookSecretStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True), settings=settings.webhooks)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def get(self, tenant: str) -> WebhookSecrets:
        """Return a tenant's secrets; creates them on first use."""
        with redis_errors():
            reply = self._read(keys=[_key(tenant)], args=[_make()])
        match cast("list[str]", reply):
            case [secret, previous, until]:
                return WebhookSecrets(secret=secret, previous=previous, previous_until=float(until))
            case [secret, *_]:
                return WebhookSecrets(secret=secret)
        raise AssertionError("the script returns a secret")

    def rotate(self, tenant: str) -> WebhookSecrets:
        """Replace the tenant's secret; the previous one keeps signing for some time."""
        with redis_errors():
            self._rotate(keys=[_key(tenant)], args=[_make(), self._rotation_seconds])
        return self.get(tenant)


def read_secret(secret: str) -> bytes:
    """Decode a secret to the HMAC key."""
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)


def _make() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def _key(tenant: str) -> str:
    return f"hiir:webhook-secret:{tenant}"
