"""A job's events as server-sent events, for `EventSource`."""

import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import (
    ServicesDependency,
    TenantDependency,
    refuse_parameters,
)
from service.api.route_access import requires
from service.api.services import Services
from service.errors import InvalidParameterError, ServiceError
from service.jobs.events import EventKind, JobEvent, event_position
from service.jobs.job import Job
from service.keys import Scope
from service.schemas.event import EventView

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_EVENT_ID = re.compile(r"\d{1,20}-\d{1,20}")
_START = "0-0"
_RECONNECT = "retry: 2000\n\n"
_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "An event of the stream.",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "description": "Send it as `Last-Event-ID` to resume."},
        "event": {"type": "string", "enum": [kind.value for kind in EventKind]},
        "data": {"type": "string", "description": "The job at that time, as JSON."},
    },
    "example": {
        "id": "1700000000000-0",
        "event": "progress",
        "data": '{"id":"5f0c...","status":"running","progress":{"stage":"restore",'
        '"tiles_done":3,"tiles_total":12,"percent":25},"attempt":1,"cancel_requested":false,'
        '"error":null}',
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `status`, `progress` and finally `completed`.",
        "content": {"text/event-stream": {"schema": _EVENT}},
    },
    204: {"description": "The last event was received before: the stream is over."},
}


@router.get(
    "/{job_id}/events",
    dependencies=[Depends(refuse_parameters)],
    response_class=Response,
    responses=_RESPONSES,
)
@requires(Scope.READ)
async def stream_events(
    job_id: str,
    services: ServicesDependency,
    tenant: TenantDependency,
    last_event_id: Annotated[str, Header(max_length=41)] = _START,
) -> Response:
    """Stream a job's events, from the first or after `Last-Event-ID`, until the job has ended."""
    if not _EVENT_ID.fullmatch(last_event_id):
        raise InvalidParameterError(
            "Last-Event-ID must be the id of an event.", actual=last_event_id
        )
    job = await run_in_threadpool(services.jobs.find, job_id, tenant=tenant)
    first = await run_in_threadpool(services.jobs.store.events, job.id, after=last_event_id)
    if job.status.is_terminal and not first:
        last = JobEvent.last_of(job)
        if last is None or last.position <= event_position(last_event_id):
            return Response(status_code=204)
        first = [last]  # the others have expired
    return StreamingResponse(
        _stream(services, job, first, last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(
    services: Services, job: Job, events: Sequence[JobEvent], last: str
) -> AsyncIterator[str]:
    """Yield events as they come; a stream holds no thread and no connection to Redis."""
    yield _RECONNECT
    ping_seconds = services.settings.limits.ping_seconds
    sent_at = time.monotonic()
    with services.feed.listen(job.id) as listener:
        while True:
            for event in events:
                if event.position <= event_position(last):
                    continue
                yield _to_text(event, job)
                if event.kind is EventKind.COMPLETED:
                    return
                last, sent_at = event.id, time.monotonic()
            if services.drain.is_stopping:
                return  # the client reconnects with its last event id
            left = sent_at + ping_seconds - time.monotonic()
            if left <= 0:
                yield ": ping\n\n"
                sent_at, left = time.monotonic(), ping_seconds
            events = await listener.wait(seconds=left)
            if listener.is_behind():
                try:
                    events = await services.threads.for_stream(_read_all, services, job.id, last)
                except ServiceError:
                    return  # the client reconnects with its last event id


def _read_all(services: Services, job_id: str, last: str) -> Sequence[JobEvent]:
    """Return all stored events after the one with the id `last`."""
    found: list[JobEvent] = []
    while page := services.jobs.store.events(job_id, after=found[-1].id if found else last):
        found += page
    return found


def _to_text(event: JobEvent, job: Job) -> str:
    data = EventView.of(event, job_id=job.public_id).model_dump_json()
    return f"id: {event.id}\nevent: {event.kind.value}\ndata: {data}\n\n"
