"""Download of a job's result, with ranges and caching."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers

from service.api.byte_range import is_unchanged, wanted_range
from service.api.dependencies import (
    ServicesDependency,
    TenantDependency,
    refuse_parameters,
)
from service.api.route_access import requires
from service.api.services import Services
from service.api.stored_file import file_response
from service.errors import (
    JobCanceledError,
    JobNotFinishedError,
    NotAcceptableError,
    ResultExpiredError,
)
from service.intake.photo_parameters import accepts
from service.jobs.download import download_headers
from service.jobs.job import Job, JobStatus
from service.jobs.stored_image import StoredImage
from service.keys import Scope

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_TEXT = {"schema": {"type": "string"}}
_HEADERS: dict[str, Any] = {
    "ETag": {"description": "SHA-256 of the file, quoted.", **_TEXT},
    "Accept-Ranges": {"description": "`bytes`.", **_TEXT},
    "Cache-Control": {"description": "`private`, until the result expires.", **_TEXT},
    "Content-Disposition": {"description": "A filename, based on the uploaded one.", **_TEXT},
    "X-Model": {"description": "Name of the model.", **_TEXT},
    "X-Model-Version": {"description": "Version of the model's weights.", **_TEXT},
    "X-Model-SHA256": {"description": "SHA-256 of the model's weights.", **_TEXT},
}
_FILE: dict[str, Any] = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
RESULT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The restored image.", "headers": _HEADERS, "content": _FILE},
    206: {
        "description": "The requested range.",
        "headers": {**_HEADERS, "Content-Range": {"description": "The range.", **_TEXT}},
        "content": _FILE,
    },
    304: {
        "description": "The client has this image already (`If-None-Match`).",
        "headers": _HEADERS,
    },
}


@router.get(
    "/{job_id}/result",
    dependencies=[Depends(refuse_parameters)],
    response_class=Response,
    responses=RESULT_RESPONSES,
)
@requires(Scope.READ)
def fetch_result(
    job_id: str, request: Request, services: ServicesDependency, tenant: TenantDependency
) -> Response:
    """Download the restored image, or a range of it."""
    return result_response(services, services.jobs.find(job_id, tenant=tenant), request.headers)


def result_response(
    services: Services, job: Job, asked: Headers, *, redirects: bool = False
) -> Response:
    """Return the response with the result, or with the requested part of it.

    With `redirects`, and if the settings allow it, the response redirects to the bucket.
    """
    now = services.jobs.store.now()
    result = result_of(job, now=now)
    if not accepts(asked.get("accept", ""), result.media_type):
        raise NotAcceptableError(
            f"The result is {result.media_type}, which `Accept` does not allow.",
            limit=result.media_type,
            actual=asked["accept"],
        )
    headers = result_headers(job, result, now=now)
    if is_unchanged(asked, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    settings = services.settings.bucket
    seconds = settings.redirect_seconds
    if redirects and (url := services.jobs.blobs.url_of(result.blob, seconds=seconds)):
        kept = {name: headers[name] for name in _HEADERS if name in headers}
        return RedirectResponse(url, status_code=303, headers=kept | {"Cache-Control": "no-store"})
    size = result.blob.size
    part = wanted_range(asked, size=size, etag=headers["ETag"])
    if part is None:
        pieces = services.jobs.blobs.open(result.blob)
        status, length = 200, size
    else:
        pieces = services.jobs.blobs.open_part(result.blob, start=part.start, stop=part.stop)
        status, length = 206, part.length
        headers["Content-Range"] = part.content_range
    if pieces is None:
        raise _expired()
    return file_response(
        pieces,
        size=length,
        threads=services.threads,
        media_type=result.media_type,
        headers=headers,
        status_code=status,
    )


def result_of(job: Job, *, now: float) -> StoredImage:
    """Return the job's result at `now`, a time of Redis's clock.

    Raises:
        ServiceError: the reason why there is no result.
    """
    match job.status:
        case JobStatus.FAILED if job.failure is not None:
            raise job.failure.to_error()
        case JobStatus.CANCELED:
            raise JobCanceledError("The job was canceled.")
        case JobStatus.SUCCEEDED if job.result is not None:
            if job.purged or job.expires_at <= now:
                raise _expired()
            return job.result
        case _:
            raise JobNotFinishedError("The job has not ended yet.", actual=job.status.value)


def result_headers(job: Job, result: StoredImage, *, now: float) -> dict[str, str]:
    """Return the headers except for `Content-Length`."""
    left = max(int(job.expires_at - now), 0)
    models = {
        "X-Model": ",".join(step.model for step in job.steps),
        "X-Model-Version": ",".join(step.model_version for step in job.steps),
        "X-Model-SHA256": ",".join(step.model_sha256 for step in job.steps),
    }
    return {
        "ETag": f'"{result.blob.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={left}",
        **download_headers(job, result),
        "X-Content-Type-Options": "nosniff",
        **(models if job.steps else {}),
    }


def _expired() -> ResultExpiredError:
    return ResultExpiredError("The result was deleted or has expired.")
