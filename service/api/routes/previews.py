"""Previews of a job's upload and result, which every browser can display."""

from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from service.api.byte_range import is_unchanged
from service.api.dependencies import (
    ServicesDependency,
    TenantDependency,
    accept_parameters,
)
from service.api.route_access import requires
from service.api.routes.results import result_of
from service.api.stored_file import file_response
from service.errors import JobNotFinishedError, PreviewNotFoundError, ResultExpiredError
from service.jobs.job import Job
from service.jobs.stored_image import StoredImage
from service.keys import Scope

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class Previewed(StrEnum):
    """Image that a preview is of."""

    INPUT = "input"
    RESULT = "result"


_TEXT = {"schema": {"type": "string"}}
_HEADERS: dict[str, Any] = {
    "ETag": {"description": "SHA-256 of the preview, quoted.", **_TEXT},
    "Cache-Control": {"description": "`private`, until the result expires.", **_TEXT},
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A WebP of 8 bits in sRGB.",
        "headers": _HEADERS,
        "content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "The client has this preview already.", "headers": _HEADERS},
}


@router.get(
    "/{job_id}/preview",
    dependencies=[Depends(accept_parameters("of"))],
    response_class=Response,
    responses=_RESPONSES,
)
@requires(Scope.READ)
def fetch_preview(
    job_id: str,
    request: Request,
    services: ServicesDependency,
    tenant: TenantDependency,
    of: Previewed = Previewed.RESULT,
) -> Response:
    """Show the upload (once it is decoded) or the result, at most 2048 pixels a side.

    Whatever the format, the depth and the colors of the image are, the preview is one that every
    browser shows. It is kept for as long as the result.
    """
    job = services.jobs.find(job_id, tenant=tenant)
    now = services.jobs.store.now()
    preview = _preview_of(job, of, now=now)
    headers = {
        "ETag": f'"{preview.blob.sha256}"',
        "Cache-Control": f"private, max-age={max(int(job.expires_at - now), 0)}",
        "Content-Disposition": "inline",
        "X-Content-Type-Options": "nosniff",
    }
    if is_unchanged(request.headers, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    pieces = services.jobs.blobs.open(preview.blob)
    if pieces is None:
        raise ResultExpiredError("The preview was deleted or has expired.")
    return file_response(
        pieces,
        size=preview.blob.size,
        threads=services.threads,
        media_type=preview.media_type,
        headers=headers,
    )


def _preview_of(job: Job, of: Previewed, *, now: float) -> StoredImage:
    """Return the preview; raises the error that says why there is none."""
    if of is Previewed.INPUT and not job.status.is_terminal:
        if job.source_preview is None:
            raise JobNotFinishedError(
                "The image has not been decoded yet.", actual=job.status.value
            )
        return job.source_preview
    result_of(job, now=now)
    preview = job.source_preview if of is Previewed.INPUT else job.result_preview
    if preview is None:
        raise PreviewNotFoundError(
            "No preview was made of this image: the service makes none, or had no room for it."
        )
    return preview
