"""Several files that were sent together: one job for each, and one place to look at them. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from service.jobs.job import Failure, Job, JobStatus


class ItemStatus(StrEnum):
    """Where one file of a batch stands: like its job, if it came to one."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REFUSED = "refused"
    """It was refused when it was sent: no job was made."""
    EXPIRED = "expired"
    """The job's record is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One file: the job that it became, or why it was refused."""

    filename: str | None
    job_id: str | None = None
    refusal: Failure | None = None

    def status(self, job: Job | None) -> ItemStatus:
        """How it stands, with its job as it is now."""
        if self.job_id is None:
            return ItemStatus.REFUSED
        return ItemStatus.EXPIRED if job is None else ItemStatus(job.status.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The files in the order in which they were sent. Times are seconds since the epoch."""

    id: str
    tenant: str
    created_at: float
    expires_at: float
    items: tuple[BatchItem, ...]

    def job_ids(self) -> list[str]:
        """Ids of the jobs, in the order of the files that came to one."""
        return [item.job_id for item in self.items if item.job_id is not None]

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        return cls(**{**values, "items": tuple(_read_item(item) for item in values["items"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """A batch and its jobs as they are now; None for a file without one, or without a record."""

    batch: Batch
    jobs: tuple[Job | None, ...]

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return all(job is None or job.status.is_terminal for job in self.jobs)

    @property
    def counts(self) -> dict[ItemStatus, int]:
        """Number of files by where they stand."""
        found = [item.status(job) for item, job in zip(self.batch.items, self.jobs, strict=True)]
        return {status: found.count(status) for status in ItemStatus}


def item_job_id(batch_id: str, index: int) -> str:
    """Id of the job of one file: the same if the submission is taken up after a crash."""
    return hashlib.sha256(f"batch\0{batch_id}\0{index}".encode()).hexdigest()[:32]


def retried_job_id(job: Job) -> str:
    """Id of the job that repeats one: two requests to repeat it make one."""
    return hashlib.sha256(f"again\0{job.id}".encode()).hexdigest()[:32]


def is_retriable(job: Job) -> bool:
    """Whether a job may be repeated."""
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
