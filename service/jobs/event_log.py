"""The stored events: one Redis stream per job, and one per tenant.

The Lua scripts append to both (`lua/prelude.lua`); this module reads them.
"""

from collections.abc import Mapping
from typing import Any, cast

import redis

from service.jobs.events import JobEvent, TenantEvent, event_position
from service.redis_connection import redis_errors, redis_time

_PAGE = 100
_TENANT_EVENTS = 4096
"""Minimum number of a tenant's events that are kept, as in `lua/prelude.lua`."""
_TENANT_EVENT_SECONDS = 600
"""Minimum time for which a tenant's events are kept, up to that number; as in `lua/prelude.lua`."""


class EventLog:
    """Reads events. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def of_job(self, job_id: str, *, after: str) -> list[JobEvent]:
        """Return up to 100 events after the id `after`; `0-0` starts at the beginning."""
        found = self._range(_of_job(job_id), after=after)
        return [JobEvent.from_fields(event_id, fields) for event_id, fields in found]

    def of_tenant(self, tenant: str, *, after: str) -> list[TenantEvent]:
        """Return up to 100 events of all jobs of a tenant after the one with the id `after`."""
        found = self._range(_of_tenant(tenant), after=after)
        return [TenantEvent.from_fields(event_id, fields) for event_id, fields in found]

    def last_id(self, tenant: str) -> str:
        """Return the id of the tenant's latest event: its next event comes after it."""
        with redis_errors():
            found = self._redis.xrevrange(_of_tenant(tenant), count=1)
            last = cast("list[tuple[str, Any]]", found)
            return last[0][0] if last else f"{int(1000 * redis_time(self._redis))}-0"

    def keeps_all(self, tenant: str, *, after: str) -> bool:
        """Return whether every event of the tenant after the one with the id `after` is kept."""
        key = _of_tenant(tenant)
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.xrange(key, count=1)
            pipe.xlen(key)
            first, count = cast("tuple[list[tuple[str, Any]], int]", pipe.execute())
            age = redis_time(self._redis) - event_position(after)[0] / 1000
        if first and event_position(first[0][0]) <= event_position(after):
            return True
        return count < _TENANT_EVENTS and age < _TENANT_EVENT_SECONDS

    def _range(self, key: str, *, after: str) -> list[tuple[str, Mapping[str, str]]]:
        with redis_errors():
            entries = self._redis.xrange(key, min=f"({after}", count=_PAGE)
        return cast("list[tuple[str, Mapping[str, str]]]", entries)


def _of_job(job_id: str) -> str:
    return f"hiir:events:{job_id}"


def _of_tenant(tenant: str) -> str:
    return f"hiir:tenant-events:{tenant}"
