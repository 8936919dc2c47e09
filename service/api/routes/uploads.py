"""Presigned uploads: files that reach the bucket without passing through the service."""

from typing import Any

from fastapi import APIRouter, Depends

from service.api.dependencies import ServicesDependency, TenantDependency, refuse_parameters
from service.api.route_access import Submits, requires
from service.errors import BodyTooLargeError
from service.keys import Scope
from service.schemas.upload import UploadRequest, UploadView
from service.schemas.view import to_datetime

router = APIRouter(prefix="/v1/uploads", tags=["jobs"])

_CREATED: dict[int | str, dict[str, Any]] = {201: {"description": "Where to send the file."}}


@router.post("", status_code=201, dependencies=[Depends(refuse_parameters)], responses=_CREATED)
@requires(Scope.WRITE, submits=Submits.UPLOAD)
def create_upload(
    services: ServicesDependency, tenant: TenantDependency, wanted: UploadRequest
) -> UploadView:
    """Get a URL for a file of the given size and hash; then submit a job with its `upload_id`.

    Send the file with `PUT` to `url`, and the `headers`. Only a service with a bucket has these.
    """
    limit = services.settings.limits.body_bytes
    if wanted.size > limit:
        raise BodyTooLargeError(
            f"The file has {wanted.size} bytes; the limit is {limit}.",
            limit=limit,
            actual=wanted.size,
        )
    made = services.submission.presigned.reserve(
        tenant=tenant, size=wanted.size, sha256=wanted.sha256, media_type=wanted.content_type
    )
    return UploadView(
        upload_id=made.id,
        url=made.url,
        headers=dict(made.headers),
        expires_at=to_datetime(made.expires_at),
    )
