"""Seconds per megapixel on this installation: a moving average for each model, in Redis.

Workers record it after each job; the API shows it. A model that has not run yet has none.
"""

from collections.abc import Mapping
from typing import cast

import redis

from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings

_KEY = "hiir:paces"
_NEWEST_SHARE = 0.2


class ThroughputStore:
    """Seconds per input megapixel, by the SHA-256 of the weights: new weights start again.

    Every method raises `StoreUnavailableError` while Redis is down.
    """

    def __init__(self, *, client: redis.Redis) -> None:
        self._redis = client
        self._script = client.register_script(read_lua("service.capacity", "throughput"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "ThroughputStore":
        """Build the store on the state database."""
        return cls(
            client=connect(settings.database_url(RedisDatabase.STATE), decode_responses=True)
        )

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def record(self, model_sha256: str, *, seconds: float, pixels: int) -> None:
        """Record that restoring `pixels` of input took `seconds`."""
        with redis_errors():
            self._script(keys=[_KEY], args=[model_sha256, 1e6 * seconds / pixels, _NEWEST_SHARE])

    def all(self) -> Mapping[str, float]:
        """Return the seconds per megapixel of every model that has restored something."""
        with redis_errors():
            means = cast("Mapping[str, str]", self._redis.hgetall(_KEY))
        return {sha256: float(mean) for sha256, mean in means.items()}
