"""Batches: files that were submitted together, with one job for each. No I/O."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from service.jobs.job import Failure, Job, JobStatus, Webhook, WebhookEvent


class ItemStatus(StrEnum):
    """Status of one file of a batch: that of its job, if it has one."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REFUSED = "refused"
    """The file was refused on submission; it has no job."""
    EXPIRED = "expired"
    """The job's record has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One file: its job, or the reason why it was refused."""

    filename: str | None
    job_id: str | None = None
    refusal: Failure | None = None

    def status(self, job: Job | None) -> ItemStatus:
        """Return the file's status, given the current state of its job."""
        if self.job_id is None:
            return ItemStatus.REFUSED
        return ItemStatus.EXPIRED if job is None else ItemStatus(job.status.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch; its items are in the order of submission. Times are seconds since the epoch."""

    id: str
    tenant: str
    created_at: float
    expires_at: float
    items: tuple[BatchItem, ...]
    client_id: str | None = None
    """Id that the client chose, unique to its tenant; `id` is derived from it."""
    fingerprint: str | None = None
    """Fingerprint of the submission, if the client chose the id."""
    webhook: Webhook | None = None
    client_metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Data of the client; the service does not interpret it."""

    @property
    def public_id(self) -> str:
        """The id that the client uses."""
        return self.client_id or self.id

    def job_ids(self) -> list[str]:
        """Return the ids of the jobs, in the order of the files."""
        return [item.job_id for item in self.items if item.job_id is not None]

    def to_json(self) -> str:
        """Serialize to one JSON object."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse what `to_json` wrote."""
        values = json.loads(text)
        items = tuple(_read_item(item) for item in values["items"])
        return cls(**{**values, "items": items, "webhook": _read_webhook(values.get("webhook"))})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """A batch with the current state of its jobs.

    A file whose job was refused, or whose record has expired, has None in place of the job.
    """

    batch: Batch
    jobs: tuple[Job | None, ...]

    @property
    def ended(self) -> bool:
        """Whether all jobs have ended."""
        return all(job is None or job.status.is_terminal for job in self.jobs)

    @property
    def counts(self) -> dict[ItemStatus, int]:
        """Number of files in each status."""
        found = [item.status(job) for item, job in zip(self.batch.items, self.jobs, strict=True)]
        return {status: found.count(status) for status in ItemStatus}


def derive_batch_id(tenant: str, client_id: str) -> str:
    """Return the store's id for a client's id.

    It includes the tenant, because two tenants may choose the same id.
    """
    return hashlib.sha256(f"batch-id\0{tenant}\0{client_id}".encode()).hexdigest()[:32]


def item_job_id(batch_id: str, index: int) -> str:
    """Return the job id of one file; it is the same if the submission is resumed after a crash."""
    return hashlib.sha256(f"batch\0{batch_id}\0{index}".encode()).hexdigest()[:32]


def retried_job_id(job: Job) -> str:
    """Return the id of the job that repeats `job`: repeated requests create only one job."""
    return hashlib.sha256(f"again\0{job.id}".encode()).hexdigest()[:32]


def is_retriable(job: Job) -> bool:
    """Return whether a job may be repeated."""
    return job.status is JobStatus.FAILED and not job.purged


def _read_item(values: Mapping[str, object]) -> BatchItem:
    refusal = values["refusal"]
    return BatchItem(
        filename=_text(values["filename"]),
        job_id=_text(values["job_id"]),
        refusal=Failure(**refusal) if isinstance(refusal, dict) else None,
    )


def _read_webhook(values: Mapping[str, Any] | None) -> Webhook | None:
    if values is None:
        return None
    events = tuple(WebhookEvent(event) for event in values["events"])
    return Webhook(url=values["url"], events=events)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
