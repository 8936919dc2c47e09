"""Measured seconds per megapixel of this installation: moving averages in Redis.

Workers record them after each job; the API reports those of the models, and predicts from them how
long a job takes (`job_work`). A model that has not run yet has no average.
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
"""Weight of a measurement that is faster than the average.

A first measurement includes loading a model or starting a process, which must not dominate for
long.
"""


class ThroughputStore:
    """Seconds per input megapixel, by the SHA-256 of the weights, so that new weights start afresh.

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

    def record(
        self,
        work: JobWork,
        *,
        image_pixels: Sequence[int],
        steps: Sequence[float],
        read: float,
        written: float,
    ) -> None:
        """Record the seconds that the parts of a job took, in one command.

        Args:
            work: the parts.
            image_pixels: pixels of each step's image, counted once.
            steps: seconds of each step.
            read: seconds of reading.
            written: seconds of writing.
        """
        # A model may have been served with other tile sizes before.
        outdated = [
            tiles_name(step.model_sha256, any_size=not step.any_size) for step in work.steps
        ]
        paces: list[str | float] = []
        for step, pixels, spent in zip(work.steps, image_pixels, steps, strict=True):
            paces += [step.model_sha256, 1e6 * spent / pixels, _NEWEST_SHARE]
        for (name, pixels), spent in zip(work.parts, (*steps, read, written), strict=True):
            paces += [name, 1e6 * spent / pixels, _FASTER_SHARE]
        with redis_errors():
            self._script(keys=[_KEY], args=[_NEWEST_SHARE, len(outdated), *outdated, *paces])

    def all(self) -> Mapping[str, float]:
        """Return the seconds per megapixel by name; a model that has not run yet is missing."""
        with redis_errors():
            means = cast("Mapping[str, str]", self._redis.hgetall(_KEY))
        return {name: float(mean) for name, mean in means.items()}
