"""The load of the whole service: queued jobs, running jobs and live workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import redis

from service.jobs.priority import Priority
from service.jobs.scripts import QUEUE
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityLoad:
    """Queued and running jobs of one priority."""

    running: int = 0
    depth: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Queued jobs by task; tasks without queued jobs are omitted."""
    oldest_age: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Seconds that the oldest queued job has waited, by task."""
    queued_pixels: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Pixels of queued jobs, by the SHA-256 of the weights."""
    running_pixels: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Pixels that running jobs have left to restore, by the SHA-256 of the weights."""

    @property
    def waiting(self) -> int:
        """Queued jobs of all tasks."""
        return sum(self.depth.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load of each priority, and the live workers."""

    slots: int
    """Number of jobs that the live workers can run concurrently."""
    by_priority: Mapping[Priority, PriorityLoad]

    def of(self, priority: Priority) -> PriorityLoad:
        """Return the load of one priority."""
        return self.by_priority.get(priority, PriorityLoad())

    @property
    def open_jobs(self) -> int:
        """Queued and running jobs of all priorities."""
        return sum(load.waiting + load.running for load in self.by_priority.values())


class LoadStore:
    """Reads the load from the job store; changes nothing."""

    def __init__(self, *, client: redis.Redis) -> None:
        self._redis = client
        self._script = client.register_script(QUEUE + read_lua("service.capacity", "load"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "LoadStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def snapshot(self) -> Load:
        """Read the load, in a time that does not depend on the length of the queue.

        Raises:
            StoreUnavailableError: while Redis is down.
        """
        with redis_errors():
            slots, queued, pixels, running = cast("tuple[int, Any, Any, Any]", self._script())
        return Load(
            slots=slots,
            by_priority={
                priority: PriorityLoad(
                    running=sum(name == priority for name, _, _ in running),
                    depth={task: depth for name, task, depth, _ in queued if name == priority},
                    oldest_age={
                        task: float(age) for name, task, _, age in queued if name == priority
                    },
                    queued_pixels=_sum_pixels(pixels, priority),
                    running_pixels=_sum_pixels(running, priority),
                )
                for priority in Priority
            },
        )


def _sum_pixels(rows: list[tuple[str, str, str]], priority: Priority) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, weights, pixels in rows:
        if name == priority:
            sums[weights] = sums.get(weights, 0.0) + float(pixels)
    return sums
