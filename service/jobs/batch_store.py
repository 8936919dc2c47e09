"""Batches in Redis: one value each that lists the jobs. The jobs hold their own state."""

from typing import cast

import redis

from service.jobs.batch import Batch
from service.redis_connection import connect, redis_errors
from service.settings import RedisDatabase, Settings


class BatchStore:
    """Batches by id. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(self, *, client: redis.Redis) -> None:
        self._redis = client

    @classmethod
    def from_settings(cls, settings: Settings) -> "BatchStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def put(self, batch: Batch) -> None:
        """Write a batch; it expires at `batch.expires_at`."""
        with redis_errors():
            self._redis.set(_key(batch.id), batch.to_json(), exat=int(batch.expires_at))

    def get(self, batch_id: str) -> Batch | None:
        """Return the batch, or None if it does not exist."""
        with redis_errors():
            found = cast("str | None", self._redis.get(_key(batch_id)))
        return None if found is None else Batch.from_json(found)


def _key(batch_id: str) -> str:
    return f"hiir:batch:{batch_id}"
