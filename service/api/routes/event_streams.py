"""One event stream for all jobs of a tenant, or of a batch, because browsers open at most six."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import (
    ServicesDependency,
    TenantDependency,
    refuse_parameters,
)
from service.api.event_stream import (
    RECONNECT,
    describe_events,
    event_text,
    follow,
    read_all,
    require_event_id,
    stream_response,
)
from service.api.route_access import requires
from service.api.services import Services
from service.jobs.batch import Batch
from service.jobs.events import EventKind, TenantEvent
from service.keys import Scope
from service.schemas.event import EventView

router = APIRouter(prefix="/v1")

_READY, _RESET, _BATCH_COMPLETED = "ready", "reset", "batch.completed"
_KINDS = [kind.value for kind in EventKind]
_DATA = "The job at that time, as JSON; `{}` for `ready` and `reset`."
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "First `ready`, whose id is the current end of the stream; or, after a "
        "`Last-Event-ID` that is no longer kept, `reset`: events are missing, read the state of "
        "the jobs again. Then `status`, `progress` and `completed` of each job, with the `data` "
        "of `/v1/jobs/{job_id}/events`.",
        "content": describe_events([_READY, _RESET, *_KINDS], data=_DATA),
    }
}
_OF_BATCH: dict[int | str, dict[str, Any]] = {
    200: {
        **_RESPONSES[200],
        "description": f"{_RESPONSES[200]['description']} The last event is `batch.completed`.",
        "content": describe_events([_READY, _RESET, *_KINDS, _BATCH_COMPLETED], data=_DATA),
    }
}
LastEventId = Annotated[str | None, Header(max_length=41)]


@router.get(
    "/events",
    tags=["jobs"],
    dependencies=[Depends(refuse_parameters)],
    response_class=Response,
    responses=_RESPONSES,
)
@requires(Scope.READ)
async def stream_tenant_events(
    services: ServicesDependency, tenant: TenantDependency, last_event_id: LastEventId = None
) -> Response:
    """Stream the events of all your jobs, from now on or after `Last-Event-ID`.

    The ids are not those of a single job's stream. Events are kept for ten minutes.
    """
    first, after = await run_in_threadpool(_begin, services, tenant, last_event_id)
    return stream_response(_stream(services, tenant, first, after))


@router.get(
    "/batches/{batch_id}/events",
    tags=["batches"],
    dependencies=[Depends(refuse_parameters)],
    response_class=Response,
    responses=_OF_BATCH,
)
@requires(Scope.READ)
async def stream_batch_events(
    batch_id: str,
    services: ServicesDependency,
    tenant: TenantDependency,
    last_event_id: LastEventId = None,
) -> Response:
    """Stream the events of a batch's jobs, from now on or after `Last-Event-ID`, until all ended.

    The ids are those of `/v1/events`.
    """
    batch = await run_in_threadpool(services.batches.find, batch_id, tenant=tenant)
    first, after = await run_in_threadpool(_begin, services, tenant, last_event_id)
    # This comes last: the events of a batch that ends from here on come after `after`.
    ended = await run_in_threadpool(_has_ended, services, batch)
    return stream_response(_stream_batch(services, batch, first, after, ended=ended))


def _begin(services: Services, tenant: str, last_event_id: str | None) -> tuple[str, str]:
    """Return the first text to send, and the id after which the events follow."""
    if last_event_id is not None:
        require_event_id(last_event_id)
    log = services.jobs.store.events
    if last_event_id is None:
        after = log.last_id(tenant)
        return event_text(after, _READY, "{}"), after
    if log.keeps_all(tenant, after=last_event_id):
        return "", last_event_id
    return event_text(last_event_id, _RESET, "{}"), last_event_id


def _has_ended(services: Services, batch: Batch) -> bool:
    return services.batches.store.open_jobs([batch]) == [0]


async def _stream(services: Services, tenant: str, first: str, after: str) -> AsyncIterator[str]:
    async def write(event: TenantEvent) -> tuple[str, bool]:
        return _to_text(event), False

    yield RECONNECT + first
    async for text in follow(
        services,
        services.feed.listen_to_tenant(tenant),
        after=after,
        read=lambda last: services.jobs.store.events.of_tenant(tenant, after=last),
        write=write,
    ):
        yield text


async def _stream_batch(
    services: Services, batch: Batch, first: str, after: str, *, ended: bool
) -> AsyncIterator[str]:
    log = services.jobs.store.events

    def end(event_id: str) -> str:
        return event_text(event_id, _BATCH_COMPLETED, json.dumps({"id": batch.public_id}))

    def read(last: str) -> list[TenantEvent]:
        return log.of_tenant(batch.tenant, after=last)

    async def write(event: TenantEvent) -> tuple[str, bool]:
        if event.batch_id != batch.id:
            return "", False
        text = _to_text(event)
        if event.change.kind is not EventKind.COMPLETED:
            return text, False
        is_last = await services.threads.for_stream(_has_ended, services, batch)
        return text + (end(event.id) if is_last else ""), is_last

    yield RECONNECT + first
    if ended:
        last = after
        for event in await services.threads.for_stream(read_all, read, after):
            if event.batch_id == batch.id:
                last = event.id
                yield _to_text(event)
        yield end(last)
        return
    async for text in follow(
        services,
        services.feed.listen_to_tenant(batch.tenant),
        after=after,
        read=read,
        write=write,
    ):
        yield text


def _to_text(event: TenantEvent) -> str:
    data = EventView.of(event.change, job_id=event.job_id).model_dump_json()
    return event_text(event.id, event.change.kind.value, data)
