"""Jobs: submit, follow, list, cancel and delete them."""

import base64
import binascii
import contextlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import (
    ServicesDependency,
    TenantDependency,
    accept_parameters,
    refuse_parameters,
)
from service.api.preferences import Preferences
from service.api.route_access import Submits, requires
from service.api.routes.results import result_response
from service.api.services import Services
from service.api.submission import Submission, submit
from service.api.submission_openapi import SUBMISSION
from service.api.waiting import wait_for_end
from service.errors import (
    InvalidCursorError,
    InvalidParameterError,
    JobAlreadyTerminalError,
    ServiceError,
)
from service.jobs.job import Job, JobStatus
from service.keys import Scope
from service.schemas.dry_run import DryRunView
from service.schemas.job import JobList, JobView

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_LONGEST_PAUSE_SECONDS = 30
_PAGE_JOBS = 20
_MAX_SCANNED_JOBS = 1000
"""Maximum number of jobs that one request reads to find those that match its filter."""
_STOPS: dict[int | str, dict[str, Any]] = {
    202: {"description": "The job is running and will stop.", "model": JobView}
}


@router.post("", status_code=202, response_model=JobView, **SUBMISSION)
@requires(Scope.WRITE, submits=Submits.JOB)
async def submit_job(
    request: Request, services: ServicesDependency, tenant: TenantDependency
) -> Response:
    """Submit an image: a form with `file` and `task`, or the image as body with `?task=`."""
    return await _answer(request, services, await submit(request, services, tenant=tenant))


@router.put("/{job_id}", status_code=202, response_model=JobView, **SUBMISSION)
@requires(Scope.WRITE, submits=Submits.IDENTIFIED_JOB)
async def put_job(
    job_id: str, request: Request, services: ServicesDependency, tenant: TenantDependency
) -> Response:
    """Submit an image under an id of your choice. The same request again returns the same job."""
    made = await submit(request, services, tenant=tenant, client_id=job_id)
    return await _answer(request, services, made)


@router.get("", dependencies=[Depends(accept_parameters("status", "task", "limit", "cursor"))])
@requires(Scope.READ)
def list_jobs(  # noqa: PLR0917 - FastAPI reads them by name
    services: ServicesDependency,
    tenant: TenantDependency,
    status: JobStatus | None = None,
    task: str | None = None,
    limit: Annotated[int, Query(ge=1)] = _PAGE_JOBS,
    cursor: str | None = None,
) -> JobList:
    """List your jobs, newest first. A page can be short or empty without being the last."""
    most = services.settings.limits.list_jobs
    if limit > most:
        raise InvalidParameterError(f"A page has at most {most} jobs.", limit=most, actual=limit)
    found: list[Job] = []
    position = None if cursor is None else _read_cursor(cursor)
    for _ in range(-(-_MAX_SCANNED_JOBS // limit)):
        jobs, position = services.jobs.store.newest(
            tenant, before=position, count=limit - len(found)
        )
        found += [job for job in jobs if status in {None, job.status} and task in {None, job.task}]
        if position is None or len(found) >= limit:
            break
    return JobList(
        jobs=services.jobs.views(found),
        next_cursor=None if position is None else _write_cursor(position),
    )


@router.get("/{job_id}", dependencies=[Depends(accept_parameters("wait"))])
@requires(Scope.READ)
async def follow_job(
    job_id: str,
    request: Request,
    services: ServicesDependency,
    tenant: TenantDependency,
    wait: Annotated[int, Query(ge=0)] = 0,
) -> JobView:
    """Return a job, at once or when it has ended, after at most `wait` seconds."""
    job = await run_in_threadpool(services.jobs.find, job_id, tenant=tenant)
    seconds = min(wait, services.settings.limits.wait_seconds)
    job = await wait_for_end(request, services, job, seconds=seconds)
    if job.status is JobStatus.QUEUED:  # its position has to be read
        return await run_in_threadpool(services.jobs.view, job)
    return JobView.of(job, queue_position=None)


@router.post("/{job_id}/cancel", dependencies=[Depends(refuse_parameters)], responses=_STOPS)
@requires(Scope.WRITE)
def cancel_job(
    job_id: str, response: Response, services: ServicesDependency, tenant: TenantDependency
) -> JobView:
    """Cancel a job that has not ended. Can be repeated."""
    before = services.jobs.cancel(services.jobs.find(job_id, tenant=tenant), purge=False)
    if before.status in {JobStatus.SUCCEEDED, JobStatus.FAILED}:
        raise JobAlreadyTerminalError(
            "The job has ended and cannot be canceled.", actual=before.status.value
        )
    if before.status is JobStatus.RUNNING:
        response.status_code = 202
    return services.jobs.view(services.jobs.find(job_id, tenant=tenant))


@router.delete("/{job_id}", dependencies=[Depends(refuse_parameters)], responses=_STOPS)
@requires(Scope.WRITE)
def delete_job(
    job_id: str, response: Response, services: ServicesDependency, tenant: TenantDependency
) -> JobView:
    """Cancel a job that has not ended, or delete the files of one that has. Can be repeated."""
    before = services.jobs.cancel(services.jobs.find(job_id, tenant=tenant), purge=True)
    if before.status is JobStatus.RUNNING:
        response.status_code = 202
    return services.jobs.view(services.jobs.find(job_id, tenant=tenant))


async def _answer(request: Request, services: Services, made: Submission | DryRunView) -> Response:
    """Return 202 with the accepted job, or 200 with its end if the client waits long enough.

    A dry run is returned with 200.
    """
    if isinstance(made, DryRunView):
        return JSONResponse(made.model_dump(mode="json"))
    longest = services.settings.limits.wait_seconds
    wanted = Preferences.of(request.headers, longest_wait=longest)
    view = made.view
    headers = {"Location": view.urls.self}
    if made.replayed:
        headers["Idempotent-Replayed"] = "true"
    if made.cache_status is not None:
        headers["Cache-Status"] = made.cache_status
    ended = None
    if wanted.wait:
        ended = await wait_for_submission(request, services, made, seconds=wanted.wait)
    if applied := wanted.applied(ended=ended is not None):
        headers["Preference-Applied"] = applied
    if ended is None:
        if not view.status.is_terminal:
            headers["Retry-After"] = str(_retry_after(view))
        return JSONResponse(view.model_dump(mode="json"), status_code=202, headers=headers)
    if wanted.wants_image:
        response = await run_in_threadpool(result_response, services, ended, request.headers)
    else:
        response = JSONResponse(JobView.of(ended, queue_position=None).model_dump(mode="json"))
    response.headers.update(headers)
    return response


async def wait_for_submission(
    request: Request, services: Services, made: Submission, *, seconds: int
) -> Job | None:
    """Return the job if it ends within `seconds`.

    If the client disconnects and has requested cancellation, the job is canceled.
    """
    # The job is accepted, whatever fails here: the client can still poll.
    with contextlib.suppress(ServiceError):
        job = await run_in_threadpool(services.jobs.store.get, made.job_id)
        if job is None:
            return None
        job = await wait_for_end(request, services, job, seconds=seconds)
        if job.status.is_terminal:
            return job
        if made.cancel_on_disconnect and await request.is_disconnected():
            await run_in_threadpool(services.jobs.cancel, job, purge=False)
    return None


def _retry_after(view: JobView) -> int:
    """Return the seconds after which the client should poll again."""
    return min(1 + (view.queue_position or 0), _LONGEST_PAUSE_SECONDS)


def _write_cursor(position: tuple[float, str]) -> str:
    created_at, job_id = position
    return base64.urlsafe_b64encode(f"{created_at!r} {job_id}".encode()).decode()


def _read_cursor(text: str) -> tuple[float, str]:
    try:
        created_at, job_id = base64.urlsafe_b64decode(text.encode()).decode().split(" ")
        return float(created_at), job_id
    except (ValueError, binascii.Error):
        raise InvalidCursorError("Pass the `next_cursor` of the previous page unchanged.") from None
