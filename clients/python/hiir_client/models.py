"""Responses of the service, as frozen dataclasses. Unknown fields of newer services are ignored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

JobStatus = Literal["queued", "running", "succeeded", "failed", "canceled"]
ItemStatus = Literal["queued", "running", "succeeded", "failed", "canceled", "refused", "expired"]
Priority = Literal["interactive", "batch"]
WebhookEvent = Literal["started", "completed", "batch.completed"]
Scope = Literal["jobs:read", "jobs:write", "admin"]

_ENDED = {"succeeded", "failed", "canceled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image file of a job."""

    format: str
    width: int
    """Width in pixels."""
    height: int
    """Height in pixels."""
    bytes: int
    sha256: str
    """SHA-256 of the file, in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileGrid:
    """Columns and rows of tiles, which run from left to right, then from top to bottom."""

    columns: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a job; `tiles_done` and `percent` never decrease."""

    stage: str
    tiles_done: int
    tiles_total: int
    tile_grid: TileGrid | None
    """Grid of the tiles; None until the image is decoded."""
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed, or why a file of a batch was refused."""

    code: str
    title: str
    detail: str
    retryable: bool
    limit: int | str | None
    actual: int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:  # noqa: A001 - the service's word
    """A change to the photo other than its restoration."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One task of a job, with the model that runs it."""

    task: str
    parameters: Mapping[str, str]
    """Parameters of the task, normalized."""
    model: str
    model_version: str
    model_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """The URL that receives webhooks, and the events that they are sent for."""

    url: str
    events: tuple[WebhookEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUrls:
    """Paths of a job's resources."""

    self: str
    result: str
    preview: str
    events: str
    cancel: str
    deliveries: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job."""

    id: str
    status: JobStatus
    filename: str | None
    client_metadata: Mapping[str, str]
    task: str
    """Name of the task; `auto`, or `chain` for several tasks."""
    steps: tuple[Step, ...]
    """Steps of the job, in order; empty if `auto` found nothing to restore."""
    parameters: Mapping[str, str]
    """Parameters of the first task, normalized."""
    model: str | None
    """Model of the first step, as the next two fields; None without steps."""
    model_version: str | None
    model_sha256: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    priority: Priority
    queue_position: int | None
    """Jobs of the same priority before this one; None unless the job is queued."""
    attempt: int
    cached: bool
    """Whether the result comes from an earlier job with the same image, parameters and models."""
    cancel_requested: bool
    purged: bool
    """Whether the files were deleted on request."""
    progress: Progress
    timings: Mapping[str, float]
    """Seconds spent in each stage."""
    input: Image
    output: Image | None
    options: Mapping[str, Any]
    """Options for the result that differ from the defaults."""
    warnings: tuple[Warning, ...]
    error: Failure | None
    webhook: Webhook | None
    batch_id: str | None
    urls: JobUrls

    @property
    def ended(self) -> bool:
        """Whether the job has succeeded, failed or been canceled."""
        return self.status in _ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedImage:
    """The file that a job would write."""

    format: str
    width: int
    """Width in pixels."""
    height: int
    """Height in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """The predicted result of a submission; nothing was stored or queued."""

    task: str
    steps: tuple[Step, ...]
    """Steps of the job, in order; empty if `auto` found nothing to restore."""
    parameters: Mapping[str, str]
    """Parameters of the first task, normalized."""
    model: str | None
    """Model of the first step, as the next two fields; None without steps."""
    model_version: str | None
    model_sha256: str | None
    options: Mapping[str, Any]
    output: PlannedImage
    tiles: int
    seconds: float | None
    """Predicted time from the job's start to its end; None before the model's first job."""
    wait_seconds: float | None
    """Predicted time until the job starts; None if there is no worker."""
    megapixels: float
    """Megapixels that the job would count towards the daily quota."""
    cached: bool
    """Whether the result of an earlier job would be returned, immediately and without quota."""
    warnings: tuple[Warning, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """The state of a job at the time of an event."""

    id: str
    """Id of the job."""
    status: JobStatus
    progress: Progress
    attempt: int
    cancel_requested: bool
    error: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One event of a job's stream: `status`, `progress` or, as the last one, `completed`."""

    id: str
    """Id to pass as `after`, to resume the stream after this event."""
    kind: str
    job: JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """One event of the stream of a batch's jobs, or of all your jobs."""

    id: str
    """Id to pass as `after`, to resume the stream after this event."""
    kind: str
    """`status`, `progress` or `completed` of a job; or `ready`, `reset` or `batch.completed`.

    `ready` comes first. `reset` means that events are missing: read the jobs' states again.
    """
    job: JobState | None
    """The job's state at that time; None for the other kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to a result, which needs no key."""

    url: str
    """Path of the result on the service."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One file of a batch."""

    index: int
    """Position among the submitted files, from 0."""
    filename: str | None
    status: ItemStatus
    job_id: str | None
    progress: Progress | None
    error: Failure | None
    urls: JobUrls | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchUrls:
    """Paths of a batch's resources."""

    self: str
    results: str
    events: str
    cancel: str
    retry_failed: str
    deliveries: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch with the status of each file."""

    id: str
    ended: bool
    """Whether all jobs have ended."""
    counts: Mapping[str, int]
    """Number of files by status."""
    client_metadata: Mapping[str, str]
    created_at: datetime
    expires_at: datetime
    items: tuple[BatchItem, ...]
    """Files, in the order of submission."""
    urls: BatchUrls


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """A batch in a list."""

    id: str
    files: int
    open_jobs: int
    """Jobs that have not ended."""
    client_metadata: Mapping[str, str]
    created_at: datetime
    expires_at: datetime
    urls: BatchUrls


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a task."""

    name: str
    values: tuple[str, ...]
    required: bool
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A served model; its name can be used as a task, too."""

    name: str
    version: str
    sha256: str
    """SHA-256 of the weights."""
    architecture: str
    precision: str
    scale: int
    input_channels: int
    output_channels: int
    tile: int
    overlap: int
    seconds_per_megapixel: float | None
    """Measured on recent jobs, per megapixel of input; None before the first job."""
    quality: Mapping[str, float]
    source: str = "clean"
    """Kind of files that super-resolution enlarges: `clean`, or `photo` (noisy, compressed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of the service."""

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    scales: tuple[int, ...]
    channels: tuple[int, ...]
    min_side: int
    max_side: int
    max_pixels: Mapping[str, int]
    """Maximum number of input pixels, by scale."""
    formats: tuple[str, ...]
    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A live API key, without its secret."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A new API key with its secret, which is not shown again."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """One request to the receiver of a webhook."""

    at: datetime
    seconds: float
    status_code: int | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event that is sent to a webhook."""

    id: str
    """The `webhook-id` of each attempt."""
    event: WebhookEvent
    url: str
    status: str
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: tuple[DeliveryAttempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecret:
    """The secret that verifies webhooks."""

    secret: str
    previous_valid_until: datetime | None
    """Time until which the previous secret also signs; None if there is none."""
