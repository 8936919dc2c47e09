"""The expiry times of a bucket's objects, in one sorted set in Redis: S3 has no exact expiry times.

An object is entered before it is written, so that every object in the bucket is listed here.
"""

from collections.abc import Sequence
from typing import cast

import redis

from service.redis_connection import connect, read_lua, redis_errors, redis_time, seconds_of
from service.settings import RedisDatabase, Settings

EXPIRIES = "hiir:objects"
_DUE = 1000
"""Maximum number of objects that one request can delete."""


class ExpiryIndex:
    """Keys of objects by expiry. Every method raises `StoreUnavailableError` if Redis is down."""

    def __init__(self, *, client: redis.Redis) -> None:
        self._redis = client
        self._live_until = client.register_script(read_lua("service.jobs", "live_until"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "ExpiryIndex":
        """Build the index in the blob database."""
        url = settings.database_url(RedisDatabase.BLOBS)
        return cls(client=connect(url, decode_responses=True))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def enter(self, key: str, *, seconds: int) -> None:
        """Enter an object that is about to be written; it expires after `seconds`."""
        with redis_errors():
            self._live_until(keys=[EXPIRIES], args=[key, seconds, 0])

    def touch(self, key: str, *, seconds: int) -> None:
        """Set the lifetime of an object that has not expired; 0 expires it."""
        with redis_errors():
            self._live_until(keys=[EXPIRIES], args=[key, seconds, 1])

    def is_live(self, key: str) -> bool:
        """Return whether the object has not expired."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.zscore(EXPIRIES, key)
            now, until = pipe.execute()
        return until is not None and until > seconds_of(now)

    def due(self) -> list[str]:
        """Return objects that have expired, at most as many as one request can delete."""
        now = repr(redis_time(self._redis))
        with redis_errors():
            found = self._redis.zrange(EXPIRIES, "-inf", now, byscore=True, offset=0, num=_DUE)
        return cast("list[str]", found)

    def forget(self, keys: Sequence[str]) -> None:
        """Remove objects that are no longer in the bucket."""
        if keys:
            with redis_errors():
                self._redis.zrem(EXPIRIES, *keys)
