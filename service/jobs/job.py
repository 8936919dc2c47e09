"""The data of a job: its states, the transitions between them, and its values. No I/O.

    queued ──lease──> running ──> succeeded | failed | canceled
      │  ^               │
      │  └─requeue
      └──> canceled | failed

A job ends exactly once: no transition leaves a terminal state.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from hiir.imaging import Note, PhotoOptions
from service.errors import JobFailedError, ServiceError
from service.jobs.planned_step import Step, steps_from_fields, steps_to_fields
from service.jobs.priority import Priority
from service.jobs.record_fields import read_image, read_optional, read_timings, read_warnings
from service.jobs.stored_image import StoredImage

OPEN_TENANT = "open"
"""The tenant of all clients if API keys are not required."""


class JobStatus(StrEnum):
    """Status of a job as its owner sees it."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return not TRANSITIONS[self]


TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = MappingProxyType(
    {
        JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELED}),
        JobStatus.RUNNING: frozenset(set(JobStatus) - {JobStatus.RUNNING}),
        JobStatus.SUCCEEDED: frozenset(),
        JobStatus.FAILED: frozenset(),
        JobStatus.CANCELED: frozenset(),
    }
)


class Stage(StrEnum):
    """Stages of a job, in the order of the pipeline."""

    QUEUED = "queued"
    DECODE = "decode"
    RESTORE = "restore"
    ENCODE = "encode"
    STORE = "store"
    DONE = "done"


class WebhookEvent(StrEnum):
    """Events that a webhook can be sent for."""

    STARTED = "started"
    COMPLETED = "completed"
    BATCH_COMPLETED = "batch.completed"
    """The last job of a batch has ended."""


JOB_EVENTS = (WebhookEvent.STARTED, WebhookEvent.COMPLETED)
"""Events of a single job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where to send webhooks, and for which events."""

    url: str
    events: tuple[WebhookEvent, ...] = (WebhookEvent.COMPLETED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed: the public part of a `ServiceError`, stored with the job."""

    code: str
    title: str
    detail: str
    retryable: bool
    limit: int | str | None = None
    actual: int | str | None = None

    @classmethod
    def from_error(cls, error: ServiceError) -> Self:
        """Build the record from the public part of `error`."""
        return cls(
            code=error.code,
            title=error.title,
            detail=error.detail,
            retryable=error.retryable,
            limit=error.limit,
            actual=error.actual,
        )

    def to_error(self) -> JobFailedError:
        """Return the error that a request for the result raises."""
        return JobFailedError(
            self.detail,
            code=self.code,
            title=self.title,
            retryable=self.retryable,
            limit=self.limit,
            actual=self.actual,
        )

    def to_json(self) -> str:
        """Serialize to one JSON object."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse what `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a job; `tiles_done` never decreases, even over several attempts."""

    stage: Stage = Stage.QUEUED
    tiles_done: int = 0
    tiles_total: int = 0
    tile_columns: int = 0
    """Columns of the tile grid, filled from left to right and top to bottom; 0 while unknown."""

    @property
    def tile_rows(self) -> int:
        """Rows of the tile grid; 0 while unknown."""
        return self.tiles_total // self.tile_columns if self.tile_columns else 0

    @property
    def percent(self) -> int:
        """Percentage from 0 to 100; 100 only when the result is stored."""
        if self.stage is Stage.DONE:
            return 100
        return min(99, 100 * self.tiles_done // self.tiles_total) if self.tiles_total else 0

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Parse the fields of a job or of one of its events."""
        return cls(
            stage=Stage(fields["stage"]),
            tiles_done=int(fields.get("tiles_done", 0)),
            tiles_total=int(fields.get("tiles_total", 0)),
            tile_columns=int(fields.get("tile_columns", 0)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One upload and its processing. Times are seconds since the epoch."""

    id: str
    """32 hex digits from a random source; the id is a secret, since it gives access to the result.
    """
    task: str
    """Name of the task; `auto` if the steps were suggested, `chain` for several tasks."""
    steps: tuple[Step, ...]
    """Steps of the job, in order; empty if the analysis suggested none."""
    filename: str | None
    """Filename from the client; never used as a path."""
    source: StoredImage
    created_at: float
    expires_at: float
    """Expiry of the result if the job succeeded, otherwise of the record."""
    options: PhotoOptions = field(default_factory=PhotoOptions)
    """Options for the result."""
    restored_pixels: int | None = None
    """Pixels that all steps restore; None if each pixel of the photo is restored once."""
    result_estimate: int = 0
    """Estimated bytes of the result; the store reserves them until the job has ended."""
    status: JobStatus = JobStatus.QUEUED
    progress: Progress = Progress()
    attempt: int = 0
    cancel_requested: bool = False
    purged: bool = False
    tenant: str = OPEN_TENANT
    """Tenant that owns the job; other tenants get 404."""
    client_id: str | None = None
    """Id that the client chose, unique to its tenant; `id` is derived from it."""
    fingerprint: str | None = None
    """Fingerprint of the submission, if the client chose the id."""
    cache_key: str | None = None
    """Key of the request, if its result may be reused for a later submission; otherwise None."""
    cached: bool = False
    """Whether the result was copied from an earlier job, so that no model was run."""
    webhook: Webhook | None = None
    client_metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Data of the client; the service does not interpret it."""
    priority: Priority = Priority.INTERACTIVE
    batch_id: str | None = None
    """Internal id of the job's batch. The upload of a failed batch job is kept for a retry."""
    request_id: str | None = None
    traceparent: str | None = None
    """`traceparent` of the submitting request; the worker continues its trace."""
    tracestate: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Seconds spent in each stage of the last attempt."""
    result: StoredImage | None = None
    source_preview: StoredImage | None = None
    """Preview of the upload, written after it is decoded."""
    result_preview: StoredImage | None = None
    warnings: tuple[Note, ...] = ()
    """Notes on changes to the photo other than its restoration."""
    failure: Failure | None = None
    last_event: str | None = None
    """Id of the event that ended the job."""

    @property
    def pixels(self) -> int:
        """Number of restored pixels, which the quota and the predicted wait count."""
        return self.source.pixels if self.restored_pixels is None else self.restored_pixels

    @property
    def public_id(self) -> str:
        """The id that the client uses."""
        return self.client_id or self.id

    def at(self, created_at: float) -> Self:
        """Return a copy of the job with another creation time."""
        return replace(self, created_at=created_at)

    @property
    def images(self) -> tuple[StoredImage, ...]:
        """All images that are stored for the job."""
        maybe = (self.source, self.result, self.source_preview, self.result_preview)
        return tuple(image for image in maybe if image is not None)

    def has_result(self, *, now: float) -> bool:
        """Return whether the result can be fetched at `now`, a time of Redis's clock."""
        return self.result is not None and not self.purged and now < self.expires_at

    @property
    def keeps_source(self) -> bool:
        """Whether the upload is kept after the job has ended, for a retry."""
        return self.status is JobStatus.FAILED and self.batch_id is not None

    def to_fields(self) -> dict[str, str]:
        """Return the fields that are set on submission."""
        maybe = {
            "client_id": self.client_id,
            "fingerprint": self.fingerprint,
            "cache_key": self.cache_key,
            "batch_id": self.batch_id,
            "request_id": self.request_id,
            "traceparent": self.traceparent,
            # These are separate fields, because the Lua scripts read them by these names.
            "webhook_url": self.webhook.url if self.webhook else None,
            "webhook_events": ",".join(self.webhook.events) if self.webhook else None,
            "tracestate": self.tracestate,
        }
        return {
            "id": self.id,
            "tenant": self.tenant,
            "priority": self.priority.value,
            **{name: value for name, value in maybe.items() if value is not None},
            "task": self.task,
            **steps_to_fields(self.steps),
            "filename": json.dumps(self.filename),
            "client_metadata": json.dumps(dict(self.client_metadata)),
            "source": self.source.to_json(),
            "pixels": str(self.pixels),  # a separate field, for the Lua scripts
            "options": json.dumps(self.options.to_json()),
            "result_estimate": str(self.result_estimate),
            "created_at": repr(self.created_at),
            "expires_at": repr(self.expires_at),
            "status": self.status.value,
            "stage": self.progress.stage.value,
            **(self._cached_fields() if self.cached else {}),
        }

    def _cached_fields(self) -> dict[str, str]:
        """Return the fields of a job that ended before it was written to the store."""
        outcome = Outcome(
            status=self.status,
            timings={},
            result=self.result,
            preview=self.result_preview,
            warnings=self.warnings,
        )
        fields = {"cached": "1", "finished_at": repr(self.finished_at), **outcome.to_fields()}
        if self.source_preview is not None:
            fields["source_preview"] = self.source_preview.to_json()
        return fields

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Parse a record: the fields of `to_fields`, and those that the store adds."""
        source = StoredImage.from_json(fields["source"])
        pixels = int(fields.get("pixels", source.pixels))
        return cls(
            id=fields["id"],
            task=fields["task"],
            steps=steps_from_fields(fields),
            filename=json.loads(fields["filename"]),
            client_metadata=json.loads(fields.get("client_metadata", "{}")),
            source=source,
            options=PhotoOptions.from_json(json.loads(fields.get("options", "{}"))),
            restored_pixels=None if pixels == source.pixels else pixels,
            result_estimate=int(fields.get("result_estimate", 0)),
            created_at=float(fields["created_at"]),
            expires_at=float(fields["expires_at"]),
            status=JobStatus(fields["status"]),
            progress=Progress.from_fields(fields),
            attempt=int(fields.get("attempt", 0)),
            cancel_requested="cancel_requested" in fields,
            purged="purged" in fields,
            tenant=fields.get("tenant", OPEN_TENANT),
            client_id=fields.get("client_id"),
            fingerprint=fields.get("fingerprint"),
            cache_key=fields.get("cache_key"),
            cached="cached" in fields,
            webhook=_webhook(fields),
            priority=Priority.of(fields),
            batch_id=fields.get("batch_id"),
            request_id=fields.get("request_id"),
            traceparent=fields.get("traceparent"),
            tracestate=fields.get("tracestate"),
            started_at=read_optional(fields, "started_at"),
            finished_at=read_optional(fields, "finished_at"),
            timings=read_timings(fields),
            result=read_image(fields, "result"),
            source_preview=read_image(fields, "source_preview"),
            result_preview=read_image(fields, "result_preview"),
            warnings=read_warnings(fields),
            failure=Failure.from_json(fields["failure"]) if "failure" in fields else None,
            last_event=fields.get("last_event"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended; the worker that holds the lease writes it to the record."""

    status: JobStatus
    timings: Mapping[str, float]
    progress: Progress | None = None
    """Tiles of a successful job, which may end before any progress is reported."""
    result: StoredImage | None = None
    preview: StoredImage | None = None
    """Preview of the result."""
    warnings: tuple[Note, ...] = ()
    failure: Failure | None = None
    steps: tuple[Step, ...] = ()
    """Steps with the models that restored the image, which may have been replaced during the wait.
    """

    def to_fields(self) -> dict[str, str]:
        """Return the fields that end a job."""
        fields = {"timings": json.dumps(dict(self.timings))}
        if self.steps:
            fields |= steps_to_fields(self.steps)
        if self.result is not None:
            fields["result"] = self.result.to_json()
        if self.preview is not None:
            fields["result_preview"] = self.preview.to_json()
        if self.warnings:
            fields["warnings"] = json.dumps([asdict(note) for note in self.warnings])
        if self.failure is not None:
            fields["failure"] = self.failure.to_json()
        if self.progress is not None:
            total = str(self.progress.tiles_total)
            fields |= {"tiles_done": total, "tiles_total": total}
            fields["tile_columns"] = str(self.progress.tile_columns)
        if self.status is JobStatus.SUCCEEDED:
            fields["stage"] = Stage.DONE.value
        return fields


def derive_job_id(tenant: str, client_id: str) -> str:
    """Return the store's id for a client's id, which two tenants may both choose."""
    return hashlib.sha256(f"{tenant}\0{client_id}".encode()).hexdigest()[:32]


def _webhook(fields: Mapping[str, str]) -> Webhook | None:
    if "webhook_url" not in fields:
        return None
    events = tuple(WebhookEvent(event) for event in fields["webhook_events"].split(","))
    return Webhook(url=fields["webhook_url"], events=events)
