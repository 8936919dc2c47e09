"""Jobs: submit, follow, cancel."""

import contextlib
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import Services, ServicesDependency, refuse_parameters, unknown_job
from service.errors import ServiceError
from service.jobs import Job, JobStatus
from service.schemas import JobView
from service.uploads import Upload, receive_upload, refuse_unknown

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_PARAMETERS = ("task",)
_LONGEST_WAIT_SECONDS = 30
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "task"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "task": {"type": "string"},
                    },
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    "parameters": [
        {
            "name": "task",
            "in": "query",
            "schema": {"type": "string"},
            "description": "The task, for a body that is the image itself.",
        }
    ],
}


@router.post("", status_code=202, openapi_extra=_BODY)
async def submit_job(request: Request, response: Response, services: ServicesDependency) -> JobView:
    """Queue one image: a form with `file` and `task`, or the image as body with `?task=`."""
    query = request.query_params.multi_items()
    refuse_unknown([name for name, _ in query], known=_PARAMETERS)
    await run_in_threadpool(_require_service, services, dict(query).get("task"))
    async with services.uploads.take():
        upload = await receive_upload(
            headers=request.headers,
            stream=request.stream(),
            limits=services.settings.limits,
            allowed_fields=_PARAMETERS,
        )
        view = await run_in_threadpool(_accept, services, upload, query)
    response.headers["Location"] = view.urls.self
    response.headers["Retry-After"] = str(_retry_after(view))
    return view


@router.get("/{job_id}", dependencies=[Depends(refuse_parameters)])
def follow_job(job_id: str, services: ServicesDependency) -> JobView:
    """Tell a job's state and, while it runs, how many of its tiles are done."""
    return _show(services, services.find_job(job_id))


@router.delete(
    "/{job_id}",
    dependencies=[Depends(refuse_parameters)],
    responses={202: {"description": "The job runs and is about to stop.", "model": JobView}},
)
def cancel_job(job_id: str, response: Response, services: ServicesDependency) -> JobView:
    """Cancel a job that has not ended, or delete the files of one that has; repeatable."""
    before = services.jobs.cancel(job_id)
    if before is None:
        raise unknown_job(job_id)
    if before.status is JobStatus.RUNNING:
        response.status_code = 202  # its worker stops, and deletes the files
    else:
        for image in (before.source, before.result):
            if image is not None:
                services.blobs.delete(image.blob)
    return _show(services, services.find_job(job_id))


def _require_service(services: Services, task: str | None) -> None:
    """Refuse what can be refused before a byte of the body is read."""
    if task is not None:
        services.intake.find_model(task)
    services.readiness.require_servers()
    services.intake.require_room()


def _accept(services: Services, upload: Upload, query: Sequence[tuple[str, str]]) -> JobView:
    try:
        given = [*query, *upload.fields.items()]
        refuse_unknown([name for name, _ in given], known=_PARAMETERS)
        model = services.intake.find_model(dict(given).get("task"))
        job = services.intake.accept(upload, model)
    finally:
        upload.close()
    # The job is queued whatever happens now: an error here would make its sender send it again.
    with contextlib.suppress(ServiceError):
        return _show(services, job)
    return JobView.of(job, queue_position=None)


def _show(services: Services, job: Job) -> JobView:
    waits = job.status is JobStatus.QUEUED
    return JobView.of(job, queue_position=services.jobs.queue_position(job.id) if waits else None)


def _retry_after(view: JobView) -> int:
    """Seconds after which a look at the job may be worth it."""
    return min(1 + (view.queue_position or 0), _LONGEST_WAIT_SECONDS)
