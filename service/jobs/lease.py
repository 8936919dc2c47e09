"""The lease of a running job: the right of one worker to change it."""

from dataclasses import dataclass
from enum import IntEnum

from service.jobs.job import Job


class LeaseState(IntEnum):
    """Reply to a worker's report."""

    LOST = 0
    HELD = 1
    STOP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on a job, until it is finished, requeued or expires."""

    job: Job
    token: str
    store_full: bool = False
    """Whether the job has waited too long for memory, and must end."""
