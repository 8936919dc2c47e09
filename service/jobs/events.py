"""Events of a job: one for every change, in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from service.jobs.job import Failure, Job, JobStatus, Progress


def event_position(event_id: str) -> tuple[int, int]:
    """Return the two numbers of an event's id, which order the events of a job."""
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number)


class EventKind(StrEnum):
    """Type of an event."""

    STATUS = "status"
    PROGRESS = "progress"
    COMPLETED = "completed"
    """The last event of a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One change of a job, with the state after it."""

    id: str
    """Event id; increases from event to event of a job."""
    kind: EventKind
    status: JobStatus
    progress: Progress
    attempt: int
    cancel_requested: bool
    failure: Failure | None

    @classmethod
    def last_of(cls, job: Job) -> Self | None:
        """Return the event that ended the job, which outlives the stream of its events."""
        if job.last_event is None:
            return None
        return cls(
            id=job.last_event,
            kind=EventKind.COMPLETED,
            status=job.status,
            progress=job.progress,
            attempt=job.attempt,
            cancel_requested=job.cancel_requested,
            failure=job.failure,
        )

    @property
    def position(self) -> tuple[int, int]:
        """Position among the events of the same job."""
        return event_position(self.id)

    @classmethod
    def from_fields(cls, event_id: str, fields: Mapping[str, str]) -> Self:
        """Parse what the Lua scripts wrote."""
        return cls(
            id=event_id,
            kind=EventKind(fields["kind"]),
            status=JobStatus(fields["status"]),
            progress=Progress.from_fields(fields),
            attempt=int(fields.get("attempt", 0)),
            cancel_requested="cancel_requested" in fields,
            failure=Failure.from_json(fields["failure"]) if "failure" in fields else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantEvent:
    """An event of a job in the stream of its tenant, which contains the events of all its jobs."""

    id: str
    """Event id in the tenant's stream, where it increases; the job's stream has another id."""
    job_id: str
    """Public id of the job."""
    batch_id: str | None
    """Internal id of the job's batch."""
    change: JobEvent

    @property
    def position(self) -> tuple[int, int]:
        """Position among the events of the same tenant."""
        return event_position(self.id)

    @classmethod
    def from_fields(cls, event_id: str, fields: Mapping[str, str]) -> Self:
        """Parse what the Lua scripts wrote."""
        return cls(
            id=event_id,
            job_id=fields["job_id"],
            batch_id=fields["batch_id"] or None,
            change=JobEvent.from_fields(event_id, fields),
        )
