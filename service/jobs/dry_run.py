"""What a submission would lead to, without a job."""

from dataclasses import dataclass

from hiir.imaging import Note, PhotoOptions
from service.jobs.planned_step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A submission that was checked as one is that becomes a job; nothing is stored or queued."""

    task: str
    steps: tuple[Step, ...]
    options: PhotoOptions
    format: str
    """Format of the result."""
    width: int
    """Of the result, in pixels."""
    height: int
    tiles: int
    seconds: float | None
    """Predicted time from the job's start to its end; None before the model's first job."""
    wait_seconds: float | None
    """Predicted time until it starts; None without a worker."""
    pixels: int
    """Pixels that count for the quota."""
    cached: bool
    """Whether an earlier result would be the answer, without a model and without quota."""
    notes: tuple[Note, ...]
    """Notes that the result would have."""
