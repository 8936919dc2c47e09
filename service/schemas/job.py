"""Bodies about jobs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from service.jobs.job import Failure, Job, JobStatus, Progress, Stage, Webhook, WebhookEvent
from service.jobs.planned_step import Step
from service.jobs.priority import Priority
from service.jobs.stored_image import StoredImage
from service.schemas.view import View, to_datetime, to_path


class ImageView(View):
    """An image file of a job."""

    format: str
    width: int
    height: int
    bytes: int
    sha256: str

    @classmethod
    def of(cls, image: StoredImage) -> Self:
        """Build the view of a stored image."""
        return cls(
            format=image.format,
            width=image.width,
            height=image.height,
            bytes=image.blob.size,
            sha256=image.blob.sha256,
        )


class TileGridView(View):
    """Columns and rows of tiles; they are done from left to right, then from top to bottom."""

    columns: int
    rows: int


class ProgressView(View):
    """Progress of a job; `tiles_done` and `percent` never decrease."""

    stage: Stage
    tiles_done: int
    tiles_total: int
    tile_grid: TileGridView | None
    """Grid of the tiles; null until the image is decoded."""
    percent: int

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """Build the view of the progress."""
        return cls(
            stage=progress.stage,
            tiles_done=progress.tiles_done,
            tiles_total=progress.tiles_total,
            tile_grid=TileGridView(columns=progress.tile_columns, rows=progress.tile_rows)
            if progress.tile_columns
            else None,
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
        """Build the view of a failure."""
        return cls(
            code=failure.code,
            title=failure.title,
            detail=failure.detail,
            retryable=failure.retryable,
            limit=failure.limit,
            actual=failure.actual,
        )


class WebhookView(View):
    """The URL that receives webhooks, and the events that they are sent for."""

    url: str
    events: list[WebhookEvent]

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        """Build the view of a webhook."""
        return cls(url=webhook.url, events=list(webhook.events))


class WarningView(View):
    """A change to the photo other than its restoration."""

    code: str
    detail: str


class StepView(View):
    """One task of a job, with the model that does it."""

    task: str
    parameters: dict[str, str]
    """Parameters of the task, normalized."""
    model: str
    model_version: str
    model_sha256: str

    @classmethod
    def of(cls, step: Step) -> Self:
        """Build the view of a step."""
        return cls(
            task=step.task,
            parameters=dict(step.parameters),
            model=step.model,
            model_version=step.model_version,
            model_sha256=step.model_sha256,
        )


class FirstStepView(View):
    """The model of the first step: null where nothing was suggested."""

    parameters: dict[str, str]
    """Parameters of the first task, normalized."""
    model: str | None
    model_version: str | None
    model_sha256: str | None


class JobUrls(View):
    """URLs to follow, download, show and cancel (POST) a job, and its webhook deliveries."""

    self: str
    result: str
    preview: str
    events: str
    cancel: str
    deliveries: str

    @classmethod
    def of(cls, job_id: str) -> Self:
        """Build the URLs for a job's public id."""
        here = to_path(f"/v1/jobs/{job_id}")
        return cls(
            self=here,
            result=f"{here}/result",
            preview=f"{here}/preview",
            events=f"{here}/events",
            cancel=f"{here}/cancel",
            deliveries=f"{here}/deliveries",
        )


class JobView(FirstStepView):
    """A job as its owner sees it."""

    id: str
    status: JobStatus
    filename: str | None
    """Filename, as submitted."""
    client_metadata: dict[str, str]
    """Data of the client, as submitted."""
    task: str
    """Name of the task; `auto`, or `chain` for several tasks."""
    steps: list[StepView]
    """Steps of the job, in order; empty if `auto` found nothing to restore."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    priority: Priority
    queue_position: int | None
    """Jobs of the same priority before this one; null unless the job is queued."""
    attempt: int
    cached: bool
    """Whether the result comes from an earlier job with the same image, parameters and models."""
    cancel_requested: bool
    purged: bool
    """Whether the files were deleted on request."""
    progress: ProgressView
    timings: dict[str, float]
    """Seconds spent in each stage."""
    input: ImageView
    output: ImageView | None
    options: dict[str, Any]
    """Options for the result that differ from the defaults."""
    warnings: list[WarningView]
    """Changes to the photo other than its restoration."""
    error: FailureView | None
    webhook: WebhookView | None
    batch_id: str | None
    urls: JobUrls

    @classmethod
    def of(cls, job: Job, *, queue_position: int | None) -> Self:
        """Build the view of a job."""
        return cls(
            id=job.public_id,
            status=job.status,
            filename=job.filename,
            client_metadata=dict(job.client_metadata),
            task=job.task,
            steps=[StepView.of(step) for step in job.steps],
            **first_step(job.steps),
            created_at=to_datetime(job.created_at),
            started_at=None if job.started_at is None else to_datetime(job.started_at),
            finished_at=None if job.finished_at is None else to_datetime(job.finished_at),
            expires_at=to_datetime(job.expires_at),
            priority=job.priority,
            queue_position=queue_position,
            attempt=job.attempt,
            cached=job.cached,
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


def first_step(steps: Sequence[Step]) -> dict[str, Any]:
    """Return the fields of `FirstStepView`."""
    first = steps[0] if steps else None
    return {
        "parameters": dict(first.parameters) if first else {},
        "model": first.model if first else None,
        "model_version": first.model_version if first else None,
        "model_sha256": first.model_sha256 if first else None,
    }


class JobList(View):
    """One page of jobs, newest first."""

    jobs: list[JobView]
    next_cursor: str | None
    """`cursor` of the next page; null on the last page."""
