"""New events of all jobs as they happen, over a single connection per process.

Every script that appends an event also publishes it (`lua/prelude.lua`). The feed passes it to the
listeners of that job and of its tenant, so that any number of waiting clients requires no threads
and no requests to Redis. Messages are lost while the connection is down: `Listener.is_behind` then
makes each client's coroutine read the stored events, which are authoritative.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Generic, TypeAlias, TypeVar

import redis

from service.errors import ServiceError
from service.jobs.events import JobEvent, TenantEvent
from service.redis_connection import connect_async, redis_errors
from service.settings import RedisDatabase, Settings

logger = logging.getLogger(__name__)
E = TypeVar("E")

_CHANNEL = "hiir:events"
_SILENT_SECONDS = 5.0
"""After this time without a message the connection is tested; after twice this time it is replaced.
"""
_RECONNECT_SECONDS = 0.5
_POLL_SECONDS = 1.0
"""Interval at which listeners read the stored events while the feed is disconnected."""
_KEPT_EVENTS = 64
"""Maximum number of events that wait for a slow listener; beyond it, the stored events are read."""


class Listener(Generic[E]):
    """New events of one job or tenant since the listener was opened; for use by one coroutine."""

    def __init__(self, feed: "EventFeed") -> None:
        self._feed = feed
        self._events: deque[E] = deque()
        self._ready = asyncio.Event()
        self._behind = True

    async def wait(self, *, seconds: float) -> Sequence[E]:
        """Return new events; empty after `seconds`, or if the listener is woken.

        Call `is_behind` afterwards.
        """
        connected = self._feed.is_connected
        if not self._behind:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds if connected else min(seconds, _POLL_SECONDS)):
                    await self._ready.wait()
        self._behind |= not connected
        self._ready.clear()
        events = tuple(self._events)
        self._events.clear()
        return events

    def is_behind(self) -> bool:
        """Return whether events may be missing, and reset the flag.

        If they may, the caller must read the stored ones. The flag is set at first, so that no
        event is missed between the first read and the first wait.
        """
        behind, self._behind = self._behind, False
        return behind

    def put(self, event: E) -> None:
        """Add an event."""
        if len(self._events) >= _KEPT_EVENTS:
            self._events.clear()
            self._behind = True
        self._events.append(event)
        self._ready.set()

    def wake(self, *, behind: bool) -> None:
        """End the wait.

        Args:
            behind: whether the listener must read the stored events.
        """
        self._behind |= behind
        self._ready.set()


_Listeners: TypeAlias = dict[str, set[Listener[E]]]
"""Listeners by the job or the tenant whose events they receive."""


class EventFeed:
    """Reads the events in a task of the event loop, and passes them to listeners."""

    def __init__(self, *, url: str) -> None:
        self._url = url
        self._of_jobs: _Listeners[JobEvent] = {}
        self._of_tenants: _Listeners[TenantEvent] = {}
        self.is_connected = False
        """Whether the feed is connected and receives events."""

    @classmethod
    def from_settings(cls, settings: Settings) -> "EventFeed":
        """Build the feed without connecting."""
        return cls(url=settings.database_url(RedisDatabase.STATE))

    def listen(self, job_id: str) -> AbstractContextManager[Listener[JobEvent]]:
        """Receive the job's events during the block; must be called in the event loop."""
        return self._listen(self._of_jobs, job_id)

    def listen_to_tenant(self, tenant: str) -> AbstractContextManager[Listener[TenantEvent]]:
        """Receive the events of all jobs of a tenant during the block."""
        return self._listen(self._of_tenants, tenant)

    def wake_all(self, *, behind: bool = False) -> None:
        """End all waits; must be called in the event loop."""
        for of_job in tuple(self._of_jobs.values()):
            for listener in of_job:
                listener.wake(behind=behind)
        for of_tenant in tuple(self._of_tenants.values()):
            for other in of_tenant:
                other.wake(behind=behind)

    @contextmanager
    def _listen(self, known: _Listeners[E], key: str) -> Iterator[Listener[E]]:
        listener: Listener[E] = Listener(self)
        listeners = known.setdefault(key, set())
        listeners.add(listener)
        try:
            yield listener
        finally:
            listeners.discard(listener)
            if not listeners and known.get(key) is listeners:
                del known[key]

    async def run(self) -> None:
        """Pass events to listeners until the task is canceled; reconnects when necessary."""
        while True:
            try:
                with redis_errors():
                    await self._read()
            except (ServiceError, OSError) as error:
                if self.is_connected:
                    logger.warning("the event feed lost its connection: %s", error)
            finally:
                self.is_connected = False  # listeners continue by polling
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _read(self) -> None:
        async with (
            connect_async(self._url) as client,
            client.pubsub() as channel,
        ):
            await channel.subscribe(_CHANNEL)
            heard_at = time.monotonic()
            while True:
                message: dict[str, Any] | None = await channel.get_message(timeout=_SILENT_SECONDS)
                now = time.monotonic()
                if message is not None:
                    heard_at = now
                    self._receive(message)
                elif now - heard_at >= 2 * _SILENT_SECONDS:
                    raise redis.ConnectionError("no reply")
                else:
                    await channel.ping()

    def _receive(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                self.is_connected = True
                self.wake_all(behind=True)
            case "message":
                job_id, event_id, tenant, tenant_event_id, *parts = json.loads(message["data"])
                of_job, of_tenant = self._of_jobs.get(job_id), self._of_tenants.get(tenant)
                if not of_job and not of_tenant:
                    return
                fields = dict(zip(parts[::2], parts[1::2], strict=True))
                for listener in of_job or ():
                    listener.put(JobEvent.from_fields(event_id, fields))
                for other in of_tenant or ():
                    other.put(TenantEvent.from_fields(tenant_event_id, fields))
