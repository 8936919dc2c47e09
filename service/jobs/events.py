"""What a job tells while it goes on: one event for every change, in the order of the changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from service.jobs.job import Failure, JobStatus, Progress


class EventKind(StrEnum):
    """What an event tells of."""

    STATUS = "status"
    PROGRESS = "progress"
    COMPLETED = "completed"
    """The last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One change of a job, as it was when it happened."""

    id: str
    """Grows from event to event of a job."""
    kind: EventKind
    status: JobStatus
    progress: Progress
    attempt: int
    cancel_requested: bool
    failure: Failure | None

    @classmethod
    def from_fields(cls, event_id: str, fields: Mapping[str, str]) -> Self:
        """Read what the store's scripts wrote."""
        return cls(
            id=event_id,
            kind=EventKind(fields["kind"]),
            status=JobStatus(fields["status"]),
            progress=Progress.from_fields(fields),
            attempt=int(fields.get("attempt", 0)),
            cancel_requested="cancel_requested" in fields,
            failure=Failure.from_json(fields["failure"]) if "failure" in fields else None,
        )
