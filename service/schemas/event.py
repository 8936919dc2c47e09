"""Bodies of a job's event stream."""

from typing import Self

from service.jobs.events import JobEvent
from service.jobs.job import JobStatus
from service.schemas.job import FailureView, ProgressView
from service.schemas.view import View


class EventView(View):
    """The `data` of an event: the state of the job at that time."""

    id: str
    """Id of the job."""
    status: JobStatus
    progress: ProgressView
    attempt: int
    cancel_requested: bool
    error: FailureView | None

    @classmethod
    def of(cls, event: JobEvent, *, job_id: str) -> Self:
        """Build the view of an event."""
        return cls(
            id=job_id,
            status=event.status,
            progress=ProgressView.of(event.progress),
            attempt=event.attempt,
            cancel_requested=event.cancel_requested,
            error=None if event.failure is None else FailureView.of(event.failure),
        )
