"""Server-sent events from the event feed, for the streams of a job, a batch and a tenant."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from fastapi.responses import StreamingResponse

from service.api.services import Services
from service.errors import InvalidParameterError, ServiceError
from service.jobs.event_feed import Listener
from service.jobs.events import event_position

START = "0-0"
_EXAMPLE = (
    '{"id":"5f0c...","status":"running","progress":{"stage":"restore","tiles_done":3,'
    '"tiles_total":12,"tile_grid":{"columns":4,"rows":3},"percent":25},"attempt":1,'
    '"cancel_requested":false,"error":null}'
)
RECONNECT = "retry: 2000\n\n"

_EVENT_ID = re.compile(r"\d{1,20}-\d{1,20}")


def describe_events(kinds: Sequence[str], *, data: str) -> dict[str, Any]:
    """Return the OpenAPI description of a response that is a stream of such events."""
    event = {
        "type": "object",
        "description": "An event of the stream.",
        "required": ["id", "event", "data"],
        "properties": {
            "id": {"type": "string", "description": "Send it as `Last-Event-ID` to resume."},
            "event": {"type": "string", "enum": list(kinds)},
            "data": {"type": "string", "description": data},
        },
        "example": {"id": "1700000000000-0", "event": "progress", "data": _EXAMPLE},
    }
    return {"text/event-stream": {"schema": event}}


class OrderedEvent(Protocol):
    """An event with its position in one stream."""

    @property
    def id(self) -> str:
        """Event id; increases from event to event of the stream."""

    @property
    def position(self) -> tuple[int, int]:
        """The id as two numbers, which can be compared."""


E = TypeVar("E", bound=OrderedEvent)


def require_event_id(text: str) -> None:
    """Check that `text` can be the id of an event.

    Raises:
        InvalidParameterError: if it cannot.
    """
    if not _EVENT_ID.fullmatch(text):
        raise InvalidParameterError("Last-Event-ID must be the id of an event.", actual=text)


def stream_response(events: AsyncIterator[str]) -> StreamingResponse:
    """Return a response that caches and proxies do not buffer."""
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def event_text(event_id: str, kind: str, data: str) -> str:
    """Return one event in the format of the stream; `data` must be a single line."""
    return f"id: {event_id}\nevent: {kind}\ndata: {data}\n\n"


async def follow(
    services: Services,
    listening: AbstractContextManager[Listener[E]],
    *,
    events: Sequence[E] = (),
    after: str,
    read: Callable[[str], Sequence[E]],
    write: Callable[[E], Awaitable[tuple[str, bool]]],
) -> AsyncIterator[str]:
    """Yield the text of each event after `after`; a stream holds no thread and no connection.

    The stream also ends when the server stops and while the store is unavailable: the client then
    reconnects with its last event id.

    Args:
        services: the application's services.
        listening: context manager that yields the listener of new events.
        events: events that were already read.
        after: id of the event after which the stream begins.
        read: returns some of the stored events after an id, none after the last one; runs in a
            thread.
        write: returns the text of an event, which may be empty, and whether the stream ends with
            it.
    """
    ping_seconds = services.settings.limits.ping_seconds
    last, sent_at = after, time.monotonic()
    with listening as listener:
        while True:
            for event in events:
                if event.position <= event_position(last):
                    continue
                text, is_last = await write(event)
                if text:
                    yield text
                    sent_at = time.monotonic()
                if is_last:
                    return
                last = event.id
            if services.drain.is_stopping:
                return
            left = sent_at + ping_seconds - time.monotonic()
            if left <= 0:
                yield ": ping\n\n"
                sent_at, left = time.monotonic(), ping_seconds
            events = await listener.wait(seconds=left)
            if listener.is_behind():
                try:
                    events = await services.threads.for_stream(read_all, read, last)
                except ServiceError:
                    return


def read_all(read: Callable[[str], Sequence[E]], after: str) -> Sequence[E]:
    """Return all stored events after the one with the id `after`."""
    found: list[E] = []
    while page := read(found[-1].id if found else after):
        found += page
    return found
