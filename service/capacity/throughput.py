"""Seconds per megapixel on this installation: moving averages in Redis.

Workers record them after each job; the API shows those of the models, and predicts how long a job
takes (`job_work`). A model that has not run yet has none.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import redis

from service.capacity.job_work import JobWork, tiles_name
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings

_KEY = "hiir:paces"
_NEWEST_SHARE = 0.2
_FASTER_SHARE = 0.5
"""Of a part that took less than expected: the first one has loaded a model, or started a process,
which must not count for long."""


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

    def record(self, name: str, *, seconds: float, pixels: int) -> None:
        """Record that `pixels` took `seconds`: of input, for the SHA-256 of a model."""
        self._record(name, 1e6 * seconds / pixels, faster_share=_NEWEST_SHARE)

    def record_parts(
        self, work: JobWork, *, steps: Sequence[float], read: float, written: float
    ) -> None:
        """Record the seconds that the parts of a job took."""
        for (name, pixels), spent in zip(work.parts, (*steps, read, written), strict=True):
            self._record(name, 1e6 * spent / pixels, faster_share=_FASTER_SHARE)
        # The models may have been served in another way before.
        with redis_errors():
            for step in work.steps:
                self._redis.hdel(_KEY, tiles_name(step.model_sha256, any_size=not step.any_size))

    def all(self) -> Mapping[str, float]:
        """Return the seconds per megapixel by name; a model without a job has none."""
        with redis_errors():
            means = cast("Mapping[str, str]", self._redis.hgetall(_KEY))
        return {name: float(mean) for name, mean in means.items()}

    def _record(self, name: str, pace: float, *, faster_share: float) -> None:
        with redis_errors():
            self._script(keys=[_KEY], args=[name, pace, _NEWEST_SHARE, faster_share])
