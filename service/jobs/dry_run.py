"""The predicted result of a submission, without creating a job."""

from dataclasses import dataclass

from hiir.imaging import Note, PhotoOptions
from service.jobs.planned_step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A submission that was validated like a job's; nothing is stored or queued."""

    task: str
    steps: tuple[Step, ...]
    options: PhotoOptions
    format: str
    """Format of the result."""
    width: int
    """Width of the result in pixels."""
    height: int
    tiles: int
    seconds: float | None
    """Predicted time from the job's start to its end; None before the model's first job."""
    wait_seconds: float | None
    """Predicted time until the job starts; None if there is no worker."""
    pixels: int
    """Pixels that count towards the quota."""
    cached: bool
    """Whether an earlier result would be returned, which uses no model and no quota."""
    notes: tuple[Note, ...]
    """Notes that the result would have."""
