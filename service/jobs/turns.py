"""The queues of jobs in Redis, which serve tenants in turn; `lua/queue.lua` describes them.

The scripts of the job store add and remove jobs. This module reads the queues, and queues jobs
whose retry was delayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import redis

from service.jobs.keys import job_key, turns_key
from service.jobs.priority import Priority
from service.jobs.scripts import AHEAD, DUE, POSITION, TURNS
from service.redis_connection import redis_errors
from service.settings.jobs import JobSettings

_MOST_DUE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTurns:
    """Free slots, and the queued jobs that could take them."""

    slots: int
    interactive: int
    batch: int
    """Batch jobs, except those that must leave slots free for interactive jobs."""

    @property
    def jobs(self) -> int:
        """Number of queued jobs that could be taken."""
        return self.interactive + self.batch


class JobTurns:
    """Both queues. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(self, *, client: redis.Redis, settings: JobSettings) -> None:
        self._redis = client
        self._settings = settings
        self._position = client.register_script(POSITION)
        self._ahead = client.register_script(AHEAD)
        self._turns = client.register_script(TURNS)
        self._due = client.register_script(DUE)

    def position(self, job_id: str) -> int | None:
        """Return the number of jobs of the same priority before this one.

        Jobs that other tenants submit later may be served earlier.

        Returns:
            The number; None if the job is not queued, is held, or is delayed.
        """
        with redis_errors():
            return cast("int | None", self._position(keys=[job_key(job_id)], args=[job_id]))

    def positions(self, job_ids: Sequence[str]) -> list[int | None]:
        """Return the `position` of each job, in one request to Redis."""
        if not job_ids:
            return []
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                self._position(keys=[job_key(job_id)], args=[job_id], client=pipe)
            return cast("list[int | None]", pipe.execute())

    def depth(self, priority: Priority) -> int:
        """Return the number of queued jobs of a priority."""
        with redis_errors():
            return int(self._redis.zcard(turns_key(priority)))

    def share_ahead(self, tenant: str, priority: Priority) -> float:
        """Return the share of the queued jobs that come before a new job of the tenant, 0 to 1."""
        with redis_errors():
            queued, ahead = cast("list[int]", self._ahead(args=[priority.value, tenant]))
        return ahead / queued if queued else 1.0

    def open(self) -> OpenTurns:
        """Return how many queued jobs could be taken now."""
        with redis_errors():
            slots, interactive, batch = cast(
                "list[int]", self._turns(args=[self._settings.interactive_slots])
            )
        return OpenTurns(slots=slots, interactive=interactive, batch=batch)

    def queue_due(self) -> int:
        """Queue up to 16 delayed jobs that are due; returns their number."""
        with redis_errors():
            return cast("int", self._due(args=[_MOST_DUE]))
