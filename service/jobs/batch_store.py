"""Batches in Redis: one value each, which lists the jobs; how these stand is theirs to say."""

from typing import cast

import redis

from service.jobs.batch import Batch
from service.redis_connection import connect, redis_errors
from service.settings import RedisDatabase, Settings


class BatchStore:
    """Batches by id. Every method raises `StoreUnavailableError` while Redis is away."""

    def __init__(self, *, client: redis.Redis) -> None:
        self._redis = client

    @classmethod
    def from_settings(cls, settings: Settings) -> "BatchStore":
        """The records beside the jobs."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True))

    def close(self) -> None:
        """Drop the connections."""
        self._redis.close()

    def put(self, batch: Batch) -> None:
        """Write a batch, which lives until it expires."""
        with redis_errors():
            self._redis.set(_key(batch.id), batch.to_json(), exat=int(batch.expires_at))

    def get(self, batch_id: str) -> Batch | None:
        """The batch, or None if there is no record of it."""
        with redis_errors():
            found = cast("str | None", self._redis.get(_key(batch_id)))
        return None if found is None else Batch.from_json(found)


def _key(batch_id: str) -> str:
    return f"hiir:batch:{batch_id}"
