"""The load of the whole service: queued jobs, running jobs and live workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import redis

from service.jobs.keys import QUEUED, job_key, slots_key
from service.jobs.store import LEASES, WORKERS
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Queued jobs, running jobs and live workers."""

    slots: int
    """Jobs that the live workers can run at once."""
    running: int
    depth: Mapping[str, int]
    """Queued jobs by task; tasks without any are left out."""
    oldest_age: Mapping[str, float]
    """Seconds that the oldest queued job has waited, by task."""
    pixels: Mapping[str, float]
    """Pixels left to restore of queued and running jobs, by the SHA-256 of the weights."""

    @property
    def waiting(self) -> int:
        """Queued jobs of all tasks."""
        return sum(self.depth.values())


class LoadStore:
    """A read-only view of the job store."""

    def __init__(self, *, client: redis.Redis) -> None:
        self._redis = client
        self._script = client.register_script(read_lua("service.capacity", "load"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "LoadStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def snapshot(self) -> Load:
        """Read the load. It scans the whole queue, so callers should cache it.

        Raises `StoreUnavailableError` while Redis is down.
        """
        with redis_errors():
            reply = self._script(keys=[QUEUED, LEASES, WORKERS], args=[job_key(""), slots_key("")])
        (slots, running), tasks, models = cast("list[list[Any]]", reply)
        return Load(
            slots=slots,
            running=running,
            depth={task: depth for task, depth, _ in tasks},
            oldest_age={task: float(age) for task, _, age in tasks},
            pixels={sha256: float(pixels) for sha256, pixels in models},
        )
