"""A job as its owner sees it."""

from datetime import datetime
from typing import Any, Self

from service.jobs.job import (
    Failure,
    Job,
    JobStatus,
    Progress,
    Stage,
    StoredImage,
    Webhook,
    WebhookEvent,
)
from service.schemas.view import View, to_datetime


class ImageView(View):
    """An image file of a job."""

    format: str
    width: int
    height: int
    bytes: int
    sha256: str

    @classmethod
    def of(cls, image: StoredImage) -> Self:
        """The public part of a stored image."""
        return cls(
            format=image.format,
            width=image.width,
            height=image.height,
            bytes=image.blob.size,
            sha256=image.blob.sha256,
        )


class ProgressView(View):
    """How far a job is; `tiles_done` and `percent` never fall."""

    stage: Stage
    tiles_done: int
    tiles_total: int
    percent: int

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """Progress as it is shown."""
        return cls(
            stage=progress.stage,
            tiles_done=progress.tiles_done,
            tiles_total=progress.tiles_total,
            percent=progress.percent,
        )


class FailureView(View):
    """Why a job failed."""

    code: str
    title: str
    detail: str
    retryable: bool
    limit: int | str | None
    actual: int | str | None

    @classmethod
    def of(cls, failure: Failure) -> Self:
        """A failure as it is shown."""
        return cls(
            code=failure.code,
            title=failure.title,
            detail=failure.detail,
            retryable=failure.retryable,
            limit=failure.limit,
            actual=failure.actual,
        )


class WebhookView(View):
    """Where the owner is told of the job, and of what."""

    url: str
    events: list[WebhookEvent]

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        """A webhook as it is shown."""
        return cls(url=webhook.url, events=list(webhook.events))


class WarningView(View):
    """Something that was changed about the photo beside its being restored."""

    code: str
    detail: str


class JobUrls(View):
    """Where a job can be followed, fetched and canceled (with POST), and who was told of it."""

    self: str
    result: str
    events: str
    cancel: str
    deliveries: str

    @classmethod
    def of(cls, job_id: str) -> Self:
        """The addresses of the job that its client knows by this id."""
        here = f"/v1/jobs/{job_id}"
        return cls(
            self=here,
            result=f"{here}/result",
            events=f"{here}/events",
            cancel=f"{here}/cancel",
            deliveries=f"{here}/deliveries",
        )


class JobView(View):
    """A job as its owner sees it."""

    id: str
    status: JobStatus
    task: str
    parameters: dict[str, str]
    """Of the task, as they were understood."""
    model: str
    model_version: str
    model_sha256: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    queue_position: int | None
    """Jobs before this one; null for a job that does not wait."""
    attempt: int
    cancel_requested: bool
    purged: bool
    """Whether the files were deleted on request."""
    progress: ProgressView
    timings: dict[str, float]
    """Seconds per stage."""
    input: ImageView
    output: ImageView | None
    options: dict[str, Any]
    """What was asked of the result, as far as it is not the default."""
    warnings: list[WarningView]
    """What else was changed about the photo."""
    error: FailureView | None
    webhook: WebhookView | None
    batch_id: str | None
    urls: JobUrls

    @classmethod
    def of(cls, job: Job, *, queue_position: int | None) -> Self:
        """A job as it is shown."""
        return cls(
            id=job.public_id,
            status=job.status,
            task=job.task,
            parameters=dict(job.parameters),
            model=job.model,
            model_version=job.model_version,
            model_sha256=job.model_sha256,
            created_at=to_datetime(job.created_at),
            started_at=None if job.started_at is None else to_datetime(job.started_at),
            finished_at=None if job.finished_at is None else to_datetime(job.finished_at),
            expires_at=to_datetime(job.expires_at),
            queue_position=queue_position,
            attempt=job.attempt,
            cancel_requested=job.cancel_requested,
            purged=job.purged,
            progress=ProgressView.of(job.progress),
            timings=dict(job.timings),
            input=ImageView.of(job.source),
            output=None if job.result is None else ImageView.of(job.result),
            options=job.options.to_json(),
            warnings=[WarningView(code=note.code, detail=note.detail) for note in job.warnings],
            error=None if job.failure is None else FailureView.of(job.failure),
            webhook=None if job.webhook is None else WebhookView.of(job.webhook),
            batch_id=job.batch_id,
            urls=JobUrls.of(job.public_id),
        )


class JobList(View):
    """One page of jobs, the newest first."""

    jobs: list[JobView]
    next_cursor: str | None
    """`cursor` of the next page; null on the last."""
