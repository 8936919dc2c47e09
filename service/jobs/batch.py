"""Batches: files that were submitted together, with one job for each. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from service.jobs.job import Failure, Job, JobStatus


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
        """Return the status, given the current state of the job."""
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
        return cls(**{**values, "items": tuple(_read_item(item) for item in values["items"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """A batch with its jobs as they are now; None for a file without a job or without a record."""

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


def item_job_id(batch_id: str, index: int) -> str:
    """Return the job id of one file: the same if the submission is resumed after a crash."""
    return hashlib.sha256(f"batch\0{batch_id}\0{index}".encode()).hexdigest()[:32]


def retried_job_id(job: Job) -> str:
    """Return the id of the job that repeats one: two requests to repeat it create one job."""
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


def _text(value: object) -> str | None:
    return None if value is None else str(value)
