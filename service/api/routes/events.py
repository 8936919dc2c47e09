"""A job's events as server-sent events, for `EventSource`."""

from collections.abc import AsyncIterator, Sequence
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
    START,
    describe_events,
    event_text,
    follow,
    require_event_id,
    stream_response,
)
from service.api.route_access import requires
from service.api.services import Services
from service.jobs.events import EventKind, JobEvent, event_position
from service.jobs.job import Job
from service.keys import Scope
from service.schemas.event import EventView

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `status`, `progress` and finally `completed`.",
        "content": describe_events(
            [kind.value for kind in EventKind], data="The job at that time, as JSON."
        ),
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
    last_event_id: Annotated[str, Header(max_length=41)] = START,
) -> Response:
    """Stream a job's events, from the first or after `Last-Event-ID`, until the job has ended."""
    require_event_id(last_event_id)
    job = await run_in_threadpool(services.jobs.find, job_id, tenant=tenant)
    first = await run_in_threadpool(services.jobs.store.events.of_job, job.id, after=last_event_id)
    if job.status.is_terminal and not first:
        last = JobEvent.last_of(job)
        if last is None or last.position <= event_position(last_event_id):
            return Response(status_code=204)
        first = [last]  # the others have expired
    return stream_response(_stream(services, job, first, last_event_id))


async def _stream(
    services: Services, job: Job, events: Sequence[JobEvent], last: str
) -> AsyncIterator[str]:
    async def write(event: JobEvent) -> tuple[str, bool]:
        data = EventView.of(event, job_id=job.public_id).model_dump_json()
        is_last = event.kind is EventKind.COMPLETED
        return event_text(event.id, event.kind.value, data), is_last

    yield RECONNECT
    async for text in follow(
        services,
        services.feed.listen(job.id),
        events=events,
        after=last,
        read=lambda after: services.jobs.store.events.of_job(job.id, after=after),
        write=write,
    ):
        yield text
