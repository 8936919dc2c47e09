"""Batches in Redis: one value per batch, which lists its jobs. Each job holds its own state.

A batch and its jobs are created in one transaction, so that a crash never leaves a part of them.
"""

from collections.abc import Sequence
from typing import Any, cast

import redis

from service.errors import StoreUnavailableError
from service.jobs.batch import Batch, BatchState
from service.jobs.job import Job
from service.jobs.keys import job_key
from service.jobs.scripts import CREATE
from service.jobs.store import JobStore
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings
from service.settings.jobs import JobSettings

_ENDED = "hiir:ended-batches"


class BatchStore:
    """Batches by id. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(self, *, client: redis.Redis, jobs: JobStore, settings: JobSettings) -> None:
        self._redis = client
        self._jobs = jobs
        self._settings = settings
        self._create = client.register_script(CREATE)
        self._replace = client.register_script(read_lua("service.jobs", "replace_batch"))
        self._keep = client.register_script(read_lua("service.jobs", "keep_results"))

    @classmethod
    def from_settings(cls, settings: Settings, *, jobs: JobStore) -> "BatchStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True), jobs=jobs, settings=settings.jobs)

    @property
    def result_seconds(self) -> int:
        """Lifetime of the result files of a batch that has not ended, in seconds."""
        lifetime = self._settings.result_lifetime(of_batch=True)
        return lifetime + self._settings.download_seconds

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def create(self, batch: Batch, jobs: Sequence[Job]) -> None:
        """Write a batch with all its jobs in one transaction; it expires at `batch.expires_at`.

        Raises:
            StoreFullError: if Redis has no memory for the batch.
            StoreUnavailableError: if too few replicas confirm the batch.
        """
        fields: dict[Any, Any] = {
            "tenant": batch.tenant,
            "result_seconds": str(self._settings.result_seconds),
            "record_seconds": str(self._settings.record_seconds),
        }
        if batch.webhook is not None:
            fields["webhook_url"] = batch.webhook.url
            fields["webhook_events"] = ",".join(batch.webhook.events)
        expiry = int(batch.expires_at)
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(_key(batch.id), batch.to_json(), exat=expiry)
            pipe.hset(_state(batch.id), mapping=fields)
            pipe.zadd(_index(batch.tenant), {batch.id: batch.created_at})
            pipe.zremrangebyscore(_index(batch.tenant), "-inf", 2 * batch.created_at - expiry)
            # All open jobs are counted first, so that a first job that fails at once does not end
            # the batch.
            pipe.sadd(_open(batch.id), *(job.id for job in jobs))
            for job in jobs:
                call = self._jobs.creation(job)
                self._create(keys=call.keys, args=call.args, client=pipe)
            for key in (_state(batch.id), _open(batch.id), _members(batch.id)):
                pipe.expireat(key, expiry)
            pipe.execute()
        if not self._jobs.replicas.confirm(_state(batch.id), "tenant", batch.tenant):
            raise StoreUnavailableError(
                "Too few replicas of the job store have confirmed the batch; try again shortly."
            )

    def replace(self, before: Batch, after: Batch) -> bool:
        """Replace a batch.

        Returns:
            Whether it was replaced; False if another request has replaced it, or it has expired.
        """
        with redis_errors():
            args = [before.to_json(), after.to_json()]
            return bool(self._replace(keys=[_key(before.id)], args=args))

    def get(self, batch_id: str) -> Batch | None:
        """Return the batch, or None if it does not exist."""
        with redis_errors():
            found = cast("str | None", self._redis.get(_key(batch_id)))
        return None if found is None else Batch.from_json(found)

    def newest(self, tenant: str, *, before: float | None, count: int) -> list[Batch]:
        """Return up to `count` of a tenant's batches, newest first, created before `before`."""
        edge = "+inf" if before is None else f"({before!r}"
        with redis_errors():
            ids = self._redis.zrange(
                _index(tenant), edge, "-inf", desc=True, byscore=True, offset=0, num=count
            )
            keys = [_key(batch_id) for batch_id in cast("list[str]", ids)]
            found = cast("list[str | None]", self._redis.mget(keys)) if keys else []
        return [Batch.from_json(text) for text in found if text is not None]

    def open_jobs(self, batches: Sequence[Batch]) -> list[int]:
        """Return the number of jobs that have not ended, for each batch."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for batch in batches:
                pipe.scard(_open(batch.id))
            return cast("list[int]", pipe.execute())

    def state(self, batch: Batch) -> BatchState:
        """Return the batch with the current state of its jobs."""
        found = iter(self._jobs.get_all(batch.job_ids()))
        jobs = tuple(next(found) if item.job_id is not None else None for item in batch.items)
        return BatchState(batch=batch, jobs=jobs)

    def keep_results(self, batch: Batch) -> None:
        """Extend the lifetime of the results after a retry, until the batch has ended again."""
        lifetime = self._settings.result_lifetime(of_batch=True)
        keys = [job_key(job_id) for job_id in batch.job_ids()]
        with redis_errors():
            self._keep(keys=keys, args=[lifetime, lifetime + self._settings.record_seconds])

    def take_ended(self) -> Batch | None:
        """Return a batch that has ended since the last call, or None.

        From now on its results are kept for `result_seconds`.
        """
        with redis_errors():
            batch_id = cast("str | None", self._redis.lpop(_ENDED))
        return None if batch_id is None else self.get(batch_id)


def _key(batch_id: str) -> str:
    return f"hiir:batch:{batch_id}"


def _state(batch_id: str) -> str:
    return f"hiir:batch-state:{batch_id}"


def _open(batch_id: str) -> str:
    return f"hiir:batch-open:{batch_id}"


def _members(batch_id: str) -> str:
    return f"hiir:batch-jobs:{batch_id}"


def _index(tenant: str) -> str:
    return f"hiir:batches:{tenant}"
