"""Jobs: submit, follow, fetch, cancel."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import Services, ServicesDependency, refuse_parameters
from service.errors import (
    JobCanceled,
    JobNotFinished,
    JobNotFound,
    ResultExpired,
    ServiceError,
)
from service.jobs import Job, JobStatus, StoredImage
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
_RESULT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The restored image.", "content": {"image/*": {}}},
    304: {"description": "The image that `If-None-Match` names."},
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
    return _show(services, _find(services, job_id))


@router.get(
    "/{job_id}/result",
    dependencies=[Depends(refuse_parameters)],
    response_class=Response,
    responses=_RESULT,
)
def fetch_result(job_id: str, request: Request, services: ServicesDependency) -> Response:
    """Download the restored image: it has the format of the one that was sent."""
    job = _find(services, job_id)
    result = _result_of(job)
    headers = _result_headers(job, result)
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    pieces = services.blobs.open(result.blob)
    if pieces is None:
        raise _expired()
    headers["Content-Length"] = str(result.blob.size)
    return StreamingResponse(pieces, media_type=result.media_type, headers=headers)


@router.delete(
    "/{job_id}",
    dependencies=[Depends(refuse_parameters)],
    responses={202: {"description": "The job runs and is about to stop.", "model": JobView}},
)
def cancel_job(job_id: str, response: Response, services: ServicesDependency) -> JobView:
    """Cancel a job that has not ended, or delete the files of one that has; repeatable."""
    before = services.jobs.cancel(job_id)
    if before is None:
        raise _unknown(job_id)
    if before.status is JobStatus.RUNNING:
        response.status_code = 202  # its worker stops, and deletes the files
    else:
        for image in (before.source, before.result):
            if image is not None:
                services.blobs.delete(image.blob)
    return _show(services, _find(services, job_id))


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


def _find(services: Services, job_id: str) -> Job:
    job = services.jobs.get(job_id)
    if job is None:
        raise _unknown(job_id)
    return job


def _result_of(job: Job) -> StoredImage:
    match job.status:
        case JobStatus.FAILED if job.failure is not None:
            raise job.failure.to_error()
        case JobStatus.CANCELED:
            raise JobCanceled("The job was canceled before it was done.")
        case JobStatus.SUCCEEDED if job.result is not None:
            if job.purged or job.expires_at <= time.time():
                raise _expired()
            return job.result
        case _:
            raise JobNotFinished("The job is not done yet.", actual=job.status.value)


def _result_headers(job: Job, result: StoredImage) -> dict[str, str]:
    # For display only: a name on the client's disk, made from the one that it sent.
    name = f"{PurePath(job.filename or job.id).stem}-restored{result.extension}"
    plain = name.encode("ascii", "replace").decode().translate({ord(c): "_" for c in '"\\?%'})
    left = max(int(job.expires_at - time.time()), 0)
    return {
        "ETag": f'"{result.blob.sha256}"',
        "Cache-Control": f"private, max-age={left}",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
    }


def _unknown(job_id: str) -> JobNotFound:
    return JobNotFound("No job has this id, or its record has expired.", actual=job_id[:100])


def _expired() -> ResultExpired:
    return ResultExpired("The result was deleted, or its time is over.")
