"""Signed links to results: a link lets anyone download one file without a key, for a short time.

A link names the job, its expiry time, and the day whose secret signs it. Secrets are created on
first use and expire, so that they rotate daily.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import cast

import redis

from service.errors import LinkInvalidError
from service.redis_connection import connect, redis_errors
from service.settings import RedisDatabase, Settings

MAX_LINK_SECONDS = 86_400

_DAY_SECONDS = 86_400
_SECRET_BYTES = 32
_TOKEN = re.compile(r"([0-9a-f]{32})\.(\d{1,12})\.(\d{1,6})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The contents of a valid token."""

    job_id: str
    """Internal id of the job."""
    expires_at: int
    """Seconds since the epoch."""


class LinkStore:
    """Signs and verifies links. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(self, *, client: redis.Redis) -> None:
        self._redis = client

    @classmethod
    def from_settings(cls, settings: Settings) -> "LinkStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def sign(self, link: Link, *, now: float) -> str:
        """Return the token of a link that is created at `now`, a time of Redis's clock."""
        day = int(now // _DAY_SECONDS)
        key = _key(day)
        with redis_errors():
            seconds = _DAY_SECONDS + MAX_LINK_SECONDS
            self._redis.set(key, secrets.token_hex(_SECRET_BYTES), nx=True, ex=seconds)
            secret = cast("str | None", self._redis.get(key))
        if secret is None:  # the secret was created just now
            raise AssertionError("the secret of the day has expired")
        return f"{link.job_id}.{link.expires_at}.{day}.{_signature(link, day, secret)}"

    def read(self, token: str, *, now: float) -> Link:
        """Return the link of a token.

        Raises:
            LinkInvalidError: if the token is not valid at `now`, a time of Redis's clock.
        """
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise LinkInvalidError("This is not a link that the service has made.")
        link, day = Link(job_id=found[1], expires_at=int(found[2])), int(found[3])
        if link.expires_at <= now:
            raise LinkInvalidError("The link has expired.")
        with redis_errors():
            secret = cast("str | None", self._redis.get(_key(day)))
        if secret is None or not hmac.compare_digest(_signature(link, day, secret), found[4]):
            raise LinkInvalidError("This is not a link that the service has made.")
        return link


def _signature(link: Link, day: int, secret: str) -> str:
    text = f"result\0{link.job_id}\0{link.expires_at}\0{day}"
    digest = hmac.digest(bytes.fromhex(secret), text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _key(day: int) -> str:
    return f"hiir:link-secret:{day}"
