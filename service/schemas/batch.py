"""Bodies about batches, and the manifest of a results archive."""

from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict

from service.jobs.batch import Batch, BatchItem, BatchState, ItemStatus
from service.jobs.job import Job
from service.schemas.job import FailureView, JobUrls, ProgressView, StepView
from service.schemas.view import View, to_datetime, to_path

_JOB = "/v1/jobs/5f0c1a2b3c4d5e6f708192a3b4c5d6e7"
_BATCH = "/v1/batches/0a1b2c3d4e5f60718293a4b5c6d7e8f9"
_EXAMPLE: dict[str, Any] = {
    "id": _BATCH.rpartition("/")[2],
    "ended": False,
    "counts": {
        "queued": 0,
        "running": 1,
        "succeeded": 0,
        "failed": 0,
        "canceled": 0,
        "refused": 1,
        "expired": 0,
    },
    "client_metadata": {"album": "summer"},
    "created_at": "2026-01-01T12:00:00Z",
    "expires_at": "2026-01-02T18:00:00Z",
    "items": [
        {
            "index": 0,
            "filename": "beach.jpg",
            "status": "running",
            "job_id": _JOB.rpartition("/")[2],
            "progress": {
                "stage": "restore",
                "tiles_done": 3,
                "tiles_total": 12,
                "tile_grid": {"columns": 4, "rows": 3},
                "percent": 25,
            },
            "error": None,
            "urls": {
                "self": _JOB,
                **{part: f"{_JOB}/{part}" for part in ("result", "preview", "events", "cancel")},
                "deliveries": f"{_JOB}/deliveries",
            },
        },
        {
            "index": 1,
            "filename": "notes.txt",
            "status": "refused",
            "job_id": None,
            "progress": None,
            "error": {
                "code": "unsupported-image-format",
                "title": "Unsupported image format",
                "detail": "The file is in none of the supported formats.",
                "retryable": False,
                "limit": None,
                "actual": None,
            },
            "urls": None,
        },
    ],
    "urls": {
        "self": _BATCH,
        "results": f"{_BATCH}/results.zip",
        "events": f"{_BATCH}/events",
        "cancel": f"{_BATCH}/cancel",
        "retry_failed": f"{_BATCH}/retry-failed",
        "deliveries": f"{_BATCH}/deliveries",
    },
}


class BatchItemView(View):
    """One file of a batch."""

    index: int
    """Position among the submitted files, from 0."""
    filename: str | None
    status: ItemStatus
    job_id: str | None
    progress: ProgressView | None
    error: FailureView | None
    """Why the file was refused, or why its job failed."""
    urls: JobUrls | None

    @classmethod
    def of(cls, index: int, item: BatchItem, job: Job | None) -> Self:
        """Build the view of one file."""
        failure = item.refusal or (job.failure if job is not None else None)
        return cls(
            index=index,
            filename=item.filename,
            status=item.status(job),
            job_id=item.job_id,
            progress=None if job is None else ProgressView.of(job.progress),
            error=None if failure is None else FailureView.of(failure),
            urls=None if job is None else JobUrls.of(job.public_id),
        )


class BatchUrls(View):
    """URLs to follow, download, cancel (POST) and retry (POST) a batch, and its deliveries."""

    self: str
    results: str
    events: str
    cancel: str
    retry_failed: str
    deliveries: str

    @classmethod
    def of(cls, batch_id: str) -> Self:
        """Build the URLs for a batch's public id."""
        here = to_path(f"/v1/batches/{batch_id}")
        return cls(
            self=here,
            results=f"{here}/results.zip",
            events=f"{here}/events",
            cancel=f"{here}/cancel",
            retry_failed=f"{here}/retry-failed",
            deliveries=f"{here}/deliveries",
        )


class BatchView(View):
    """A batch as its owner sees it."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    id: str
    ended: bool
    """Whether all jobs have ended."""
    counts: dict[ItemStatus, int]
    """Number of files by status."""
    client_metadata: dict[str, str]
    """Data of the client, as submitted."""
    created_at: datetime
    expires_at: datetime
    items: list[BatchItemView]
    """Files, in the order of submission."""
    urls: BatchUrls

    @classmethod
    def of(cls, state: BatchState) -> Self:
        """Build the view of a batch."""
        batch = state.batch
        return cls(
            id=batch.public_id,
            ended=state.ended,
            counts=state.counts,
            client_metadata=dict(batch.client_metadata),
            created_at=to_datetime(batch.created_at),
            expires_at=to_datetime(batch.expires_at),
            items=[
                BatchItemView.of(index, item, job)
                for index, (item, job) in enumerate(zip(batch.items, state.jobs, strict=True))
            ],
            urls=BatchUrls.of(batch.public_id),
        )


class BatchSummary(View):
    """A batch in a list."""

    id: str
    files: int
    open_jobs: int
    """Jobs that have not ended."""
    client_metadata: dict[str, str]
    created_at: datetime
    expires_at: datetime
    urls: BatchUrls

    @classmethod
    def of(cls, batch: Batch, *, open_jobs: int) -> Self:
        """Build the summary of a batch."""
        return cls(
            id=batch.public_id,
            files=len(batch.items),
            open_jobs=open_jobs,
            client_metadata=dict(batch.client_metadata),
            created_at=to_datetime(batch.created_at),
            expires_at=to_datetime(batch.expires_at),
            urls=BatchUrls.of(batch.public_id),
        )


class BatchList(View):
    """One page of batches, newest first."""

    batches: list[BatchSummary]
    next_cursor: str | None
    """`cursor` of the next page; null on the last page."""


class ManifestItem(View):
    """One file of a batch in the archive's manifest."""

    index: int
    filename: str | None
    """Filename, as submitted."""
    status: ItemStatus
    file: str | None
    """Filename of the result in the archive."""
    sha256: str | None
    bytes: int | None
    task: str | None
    steps: list[StepView]
    """Steps of the job, in order, with the models that ran them."""
    error: FailureView | None


class Manifest(View):
    """What the archive contains, and why files are missing from it."""

    batch: str
    created_at: datetime
    items: list[ManifestItem]
