"""What waits, what runs, and who is there to do it: one look at the whole queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import redis

from service.jobs.store import LEASES, QUEUED, WORKERS, job_key, slots_key
from service.redis_connection import connect, redis_errors
from service.settings import RedisDatabase, Settings

_LOAD = """
-- KEYS: queued, leases, workers. ARGV: prefix of records, prefix of slots.
-- Returns the slots, then {task, jobs, the oldest's age} of each task that waits, then
-- {SHA-256 of weights, pixels to restore} of each model.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local slots, tasks, models = 0, {}, {}
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], now, '+inf')) do
  slots = slots + (redis.call('GET', ARGV[2] .. worker) or 0)
end
local function add_pixels(sha256, pixels)
  models[sha256] = (models[sha256] or 0) + pixels
end
local queued = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for index = 1, #queued, 2 do
  local job = redis.call('HMGET', ARGV[1] .. queued[index], 'task', 'model_sha256', 'pixels')
  if job[1] then
    local waiting = tasks[job[1]] or {0, now - queued[index + 1]}  -- the oldest comes first
    tasks[job[1]] = {waiting[1] + 1, waiting[2]}
    add_pixels(job[2], job[3] or 0)
  end
end
local running = redis.call('ZRANGE', KEYS[2], 0, -1)
for _, id in ipairs(running) do
  local job = redis.call('HMGET', ARGV[1] .. id, 'model_sha256', 'pixels', 'tiles_done',
    'tiles_total')
  local total = tonumber(job[4] or 0)
  local left = total > 0 and 1 - job[3] / total or 1
  if job[1] then add_pixels(job[1], (job[2] or 0) * left) end
end
local shown = {{slots, #running}, {}, {}}
for task, waiting in pairs(tasks) do
  table.insert(shown[2], {task, waiting[1], string.format('%.3f', waiting[2])})
end
for sha256, pixels in pairs(models) do
  table.insert(shown[3], {sha256, string.format('%.0f', pixels)})
end
return shown
"""


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
        self._load = client.register_script(_LOAD)

    @classmethod
    def from_settings(cls, settings: Settings) -> "LoadStore":
        """On the jobs' database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True))

    def close(self) -> None:
        """Drop the connections."""
        self._redis.close()

    def look(self) -> Load:
        """Everything that waits and runs; a long queue is looked through, so not too often.

        Raises `StoreUnavailable` while Redis is away.
        """
        with redis_errors():
            reply = self._load(keys=[QUEUED, LEASES, WORKERS], args=[job_key(""), slots_key("")])
        (slots, running), tasks, models = cast("list[list[Any]]", reply)
        return Load(
            slots=slots,
            running=running,
            depth={task: depth for task, depth, _ in tasks},
            oldest_age={task: float(age) for task, _, age in tasks},
            pixels={sha256: float(pixels) for sha256, pixels in models},
        )
