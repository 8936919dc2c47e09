"""What the API says, as types: the bodies of its answers and their making from values."""

from datetime import datetime
from typing import Any, Self

from hiir.imaging import ModelContract, available_formats
from service.catalogue.tasks import Task
from service.errors import ServiceError
from service.jobs.events import JobEvent
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
from service.limits import Limits
from service.schemas.view import View, moment

ERROR_CATALOGUE = "/docs/errors"
"""Path of the page that explains every code; a problem's `type` names its place there."""


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
            created_at=moment(job.created_at),
            started_at=None if job.started_at is None else moment(job.started_at),
            finished_at=None if job.finished_at is None else moment(job.finished_at),
            expires_at=moment(job.expires_at),
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


class EventView(View):
    """The `data` of an event: the job as it was when it happened."""

    id: str
    """The job's."""
    status: JobStatus
    progress: ProgressView
    attempt: int
    cancel_requested: bool
    error: FailureView | None

    @classmethod
    def of(cls, event: JobEvent, *, job_id: str) -> Self:
        """An event as it is shown."""
        return cls(
            id=job_id,
            status=event.status,
            progress=ProgressView.of(event.progress),
            attempt=event.attempt,
            cancel_requested=event.cancel_requested,
            error=None if event.failure is None else FailureView.of(event.failure),
        )


class JobList(View):
    """One page of jobs, the newest first."""

    jobs: list[JobView]
    next_cursor: str | None
    """`cursor` of the next page; null on the last."""


class ModelView(View):
    """A served model, by whose own name it can be asked for too."""

    name: str
    version: str
    sha256: str
    """Of the weights."""
    architecture: str
    precision: str
    """What it computes in, `fp32` or `fp16`."""
    scale: int
    input_channels: int
    """1 for gray images, 3 for colour, 6 for two views in colour."""
    output_channels: int
    tile: int
    overlap: int
    seconds_per_megapixel: float | None
    """Of input, as the last jobs took it here; null before the first."""
    quality: dict[str, float]
    """Figures that were measured for these weights."""

    @classmethod
    def of(cls, contract: ModelContract, *, precision: str, pace: float | None) -> Self:
        """A model as it is shown."""
        return cls(
            name=contract.name,
            version=contract.version,
            sha256=contract.sha256,
            architecture=contract.architecture,
            precision=precision,
            scale=contract.scale,
            input_channels=contract.input_channels,
            output_channels=contract.output_channels,
            tile=contract.tile,
            overlap=contract.overlap,
            seconds_per_megapixel=pace,
            quality=dict(contract.quality),
        )


class ParameterView(View):
    """A parameter that belongs to a task."""

    name: str
    values: list[str]
    required: bool


class TaskView(View):
    """One thing that the service does."""

    name: str
    summary: str
    parameters: list[ParameterView]
    scales: list[int]
    """Factors by which it enlarges; 1 for one that does not."""
    channels: list[int]
    """Of the images that its models take."""
    min_side: int
    max_side: int
    max_pixels: dict[str, int]
    """Most pixels of an image, by scale."""
    formats: list[str]
    models: list[ModelView]
    """Which of them restores an image follows from the image; the preferred one comes first."""

    @classmethod
    def of(cls, task: Task, limits: Limits, *, models: list[ModelView]) -> Self:
        """A task under the service's limits."""
        return cls(
            name=task.name,
            summary=task.summary,
            parameters=[
                ParameterView(
                    name=parameter.name,
                    values=list(parameter.values),
                    required=parameter.required,
                )
                for parameter in task.parameters
            ],
            scales=list(task.scales),
            channels=sorted({model.input_channels for model in task.models}),
            min_side=limits.min_side,
            max_side=limits.side,
            max_pixels={
                str(scale): min(limits.pixels, limits.output_pixels // scale**2)
                for scale in task.scales
            },
            formats=[item.value for item in available_formats()],
            models=models,
        )


class TaskList(View):
    """Everything that the service does."""

    tasks: list[TaskView]


class Problem(View):
    """RFC 9457 problem details, the body of every answer that is an error."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    retryable: bool
    limit: int | str | None
    actual: int | str | None
    errors: list[dict[str, str]]

    @classmethod
    def of(cls, error: ServiceError, *, instance: str, request_id: str) -> Self:
        """The public part of an error."""
        return cls(
            type=f"{ERROR_CATALOGUE}#{error.code}",
            title=error.title,
            status=error.status,
            detail=error.detail or error.title,
            instance=instance,
            code=error.code,
            request_id=request_id,
            retryable=error.retryable,
            limit=error.limit,
            actual=error.actual,
            errors=[dict(item) for item in error.errors],
        )


class HealthView(View):
    """Whether the service can do jobs now, and what keeps it from it."""

    ready: bool
    components: dict[str, str]
    """`ready`, or what is wrong."""
