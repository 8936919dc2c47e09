"""What waits, what runs, and who is there to do it: one look at the whole queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import redis

from service.jobs.store import LEASES, QUEUED, WORKERS, job_key, slots_key
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What waits, what runs, and who is there to do it."""

    slots: int
    """Jobs that the live workers can do at once."""
    running: int
    depth: Mapping[str, int]
    """Jobs that wait, by task; a task without any is not there."""
    oldest_age: Mapping[str, float]
    """Seconds that the oldest of them has waited."""
    pixels: Mapping[str, float]
    """Still to be restored, of waiting and running jobs, by the SHA-256 of the weights."""

    @property
    def waiting(self) -> int:
        """Jobs that wait, of all tasks."""
        return sum(self.depth.values())


class LoadStore:
    """A view of the job store that changes nothing."""

    def __init__(self, *, client: redis.Redis) -> None:
        self._redis = client
        self._script = client.register_script(read_lua("service.capacity", "load"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "LoadStore":
        """On the jobs' database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True))

    def close(self) -> None:
        """Drop the connections."""
        self._redis.close()

    def snapshot(self) -> Load:
        """Everything that waits and runs; a long queue is looked through, so not too often.

        Raises `StoreUnavailableError` while Redis is away.
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
