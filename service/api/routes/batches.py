"""Batches: submit many files, follow them together, and download the results as one archive."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from service.api.batch_submission import BatchSubmission, submit_batch
from service.api.dependencies import (
    ServicesDependency,
    TenantDependency,
    accept_parameters,
    refuse_parameters,
)
from service.api.results_archive import ResultsArchive
from service.api.route_access import Submits, requires
from service.api.services import Services
from service.api.submission_openapi import BATCH_SUBMISSION
from service.errors import InvalidParameterError
from service.jobs.job import JobStatus
from service.keys import Scope
from service.schemas.batch import BatchList, BatchSummary, BatchView

router = APIRouter(prefix="/v1/batches", tags=["batches"])

_RETRY_AFTER_SECONDS = 5
_PAGE_BATCHES = 20
_ARCHIVE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The results, with `manifest.json`, which lists all files of the batch.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_STOPS: dict[int | str, dict[str, Any]] = {
    202: {"description": "Some jobs are running and will stop.", "model": BatchView}
}
_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"description": "No failed job could be retried.", "model": BatchView}
}


@router.post("", status_code=202, response_model=BatchView, **BATCH_SUBMISSION)
@requires(Scope.WRITE, submits=Submits.BATCH)
async def create_batch(
    request: Request, services: ServicesDependency, tenant: TenantDependency
) -> Response:
    """Submit a batch of up to 100 images: a form with `task` and several `file` parts."""
    return _accepted(await submit_batch(request, services, tenant=tenant))


def _accepted(made: BatchSubmission) -> Response:
    headers = {"Location": made.view.urls.self, "Retry-After": str(_RETRY_AFTER_SECONDS)}
    if made.replayed:
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(made.view.model_dump(mode="json"), status_code=202, headers=headers)


@router.put("/{batch_id}", status_code=202, response_model=BatchView, **BATCH_SUBMISSION)
@requires(Scope.WRITE, submits=Submits.IDENTIFIED_BATCH)
async def put_batch(
    batch_id: str, request: Request, services: ServicesDependency, tenant: TenantDependency
) -> Response:
    """Submit a batch under an id of your choice. The same request again returns the same batch."""
    return _accepted(await submit_batch(request, services, tenant=tenant, client_id=batch_id))


@router.get("", dependencies=[Depends(accept_parameters("limit", "cursor"))])
@requires(Scope.READ)
def list_batches(
    services: ServicesDependency,
    tenant: TenantDependency,
    limit: Annotated[int, Query(ge=1)] = _PAGE_BATCHES,
    cursor: Annotated[float | None, Query()] = None,
) -> BatchList:
    """List your batches, newest first."""
    most = services.settings.limits.list_jobs
    if limit > most:
        raise InvalidParameterError(f"A page has at most {most} batches.", limit=most, actual=limit)
    store = services.batches.store
    batches = store.newest(tenant, before=cursor, count=limit)
    return BatchList(
        batches=[
            BatchSummary.of(batch, open_jobs=count)
            for batch, count in zip(batches, store.open_jobs(batches), strict=True)
        ],
        next_cursor=repr(batches[-1].created_at) if len(batches) == limit else None,
    )


@router.get("/{batch_id}", dependencies=[Depends(refuse_parameters)])
@requires(Scope.READ)
def follow_batch(
    batch_id: str, services: ServicesDependency, tenant: TenantDependency
) -> BatchView:
    """Return a batch with the status of each file."""
    return BatchView.of(services.batches.state(services.batches.find(batch_id, tenant=tenant)))


@router.get(
    "/{batch_id}/results.zip",
    dependencies=[Depends(accept_parameters("partial"))],
    response_class=Response,
    responses=_ARCHIVE,
)
@requires(Scope.READ)
def fetch_results(
    batch_id: str,
    services: ServicesDependency,
    tenant: TenantDependency,
    partial: Literal["true", "false"] = "false",
) -> Response:
    """Download the results of a batch as a ZIP archive; with `partial`, those that exist so far."""
    batch = services.batches.find(batch_id, tenant=tenant)
    archive = ResultsArchive.of(
        services.batches.state(batch),
        services.jobs.blobs,
        now=services.jobs.store.now(),
        partial=partial == "true",
    )
    headers = {
        "Content-Length": str(len(archive)),
        "Content-Disposition": f'attachment; filename="batch-{batch.public_id}.zip"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(
        services.threads.iterate(archive), media_type="application/zip", headers=headers
    )


@router.post(
    "/{batch_id}/retry-failed",
    status_code=202,
    dependencies=[Depends(refuse_parameters)],
    responses=_AGAIN,
)
@requires(Scope.WRITE, submits=Submits.BATCH)
def retry_failed(
    batch_id: str, response: Response, services: ServicesDependency, tenant: TenantDependency
) -> BatchView:
    """Queue the failed jobs of a batch again, while their uploads are kept. Can be repeated."""
    state, again = services.batches.retry_failed(services.batches.find(batch_id, tenant=tenant))
    if not again:
        response.status_code = 200
    return BatchView.of(state)


@router.post("/{batch_id}/cancel", dependencies=[Depends(refuse_parameters)], responses=_STOPS)
@requires(Scope.WRITE)
def cancel_batch(
    batch_id: str, response: Response, services: ServicesDependency, tenant: TenantDependency
) -> BatchView:
    """Cancel all jobs of a batch that have not ended. Can be repeated."""
    return _cancel(batch_id, response, services, tenant, purge=False)


@router.delete("/{batch_id}", dependencies=[Depends(refuse_parameters)], responses=_STOPS)
@requires(Scope.WRITE)
def delete_batch(
    batch_id: str, response: Response, services: ServicesDependency, tenant: TenantDependency
) -> BatchView:
    """Cancel all jobs that have not ended, and delete the files of the others."""
    return _cancel(batch_id, response, services, tenant, purge=True)


def _cancel(
    batch_id: str, response: Response, services: Services, tenant: str, *, purge: bool
) -> BatchView:
    batch = services.batches.find(batch_id, tenant=tenant)
    for job in services.batches.state(batch).jobs:
        if job is not None and (purge or not job.status.is_terminal):
            before = services.jobs.cancel(job, purge=purge)
            if before.status is JobStatus.RUNNING:
                response.status_code = 202
    return BatchView.of(services.batches.state(batch))
