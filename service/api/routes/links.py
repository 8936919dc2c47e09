"""Signed links: downloads by browsers and third parties that have no key."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from service.api.dependencies import (
    ServicesDependency,
    TenantDependency,
    refuse_parameters,
)
from service.api.route_access import public, requires
from service.api.routes.results import RESULT_RESPONSES, result_of, result_response
from service.errors import JobNotFoundError
from service.jobs.links import Link
from service.keys import Scope
from service.schemas.link import LinkRequest, LinkView
from service.schemas.view import to_datetime, to_path

router = APIRouter(prefix="/v1")

_CREATED: dict[int | str, dict[str, Any]] = {
    201: {"description": "The link. It ends with the result, also if the result is deleted."}
}
_REDIRECT: dict[int | str, dict[str, Any]] = {
    303: {
        "description": "The image is at `Location`, in the bucket, for a short time: the answer of "
        "a service that is set up so."
    }
}


@router.post(
    "/jobs/{job_id}/links",
    status_code=201,
    tags=["jobs"],
    dependencies=[Depends(refuse_parameters)],
    responses=_CREATED,
)
@requires(Scope.READ)
def create_link(
    job_id: str, services: ServicesDependency, tenant: TenantDependency, wanted: LinkRequest
) -> LinkView:
    """Make a link to a result that works without a key, for `ttl` seconds.

    Anyone with the link can download the result: share it like the file.
    """
    job = services.jobs.find(job_id, tenant=tenant)
    now = services.jobs.store.now()
    result_of(job, now=now)
    link = Link(job_id=job.id, expires_at=int(min(now + wanted.ttl, job.expires_at)))
    token = services.links.sign(link, now=now)
    return LinkView(
        url=to_path(f"/v1/results/{token}"), expires_at=to_datetime(float(link.expires_at))
    )


@router.get(
    "/results/{token}",
    tags=["jobs"],
    dependencies=[Depends(refuse_parameters)],
    response_class=Response,
    responses=RESULT_RESPONSES | _REDIRECT,
)
@public
def follow_link(token: str, request: Request, services: ServicesDependency) -> Response:
    """Download a result by a link, or a range of it."""
    link = services.links.read(token, now=services.jobs.store.now())
    job = services.jobs.store.get(link.job_id)
    if job is None:
        raise JobNotFoundError("The record of the job has expired.")
    answer = result_response(services, job, request.headers, redirects=True)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
