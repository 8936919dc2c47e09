"""Bodies about dry runs."""

from typing import Any, Self

from service.jobs.dry_run import DryRun
from service.schemas.job import FirstStepView, StepView, WarningView, first_step
from service.schemas.view import View


class PlannedImageView(View):
    """The file that a job would write."""

    format: str
    width: int
    height: int


class DryRunView(FirstStepView):
    """What a submission would lead to. Nothing was stored or queued, and no megapixels counted."""

    task: str
    """Name of the task; `auto`, or `chain` for several tasks."""
    steps: list[StepView]
    """Steps of the job, in order; empty if `auto` found nothing to restore."""
    options: dict[str, Any]
    """Options for the result that differ from the defaults."""
    output: PlannedImageView
    tiles: int
    seconds: float | None
    """Predicted time from the job's start to its end; null before the model's first job."""
    wait_seconds: float | None
    """Predicted time until the job starts; null if there is no worker."""
    megapixels: float
    """Megapixels that the job would count towards the daily quota."""
    cached: bool
    """Whether the result of an earlier job would be returned, immediately and without quota."""
    warnings: list[WarningView]
    """Changes to the photo other than its restoration."""

    @classmethod
    def of(cls, made: DryRun) -> Self:
        """Build the view of a dry run."""
        return cls(
            task=made.task,
            steps=[StepView.of(step) for step in made.steps],
            **first_step(made.steps),
            options=made.options.to_json(),
            output=PlannedImageView(format=made.format, width=made.width, height=made.height),
            tiles=made.tiles,
            seconds=None if made.seconds is None else round(made.seconds, 3),
            wait_seconds=None if made.wait_seconds is None else round(made.wait_seconds, 3),
            megapixels=made.pixels / 1e6,
            cached=made.cached,
            warnings=[WarningView(code=note.code, detail=note.detail) for note in made.notes],
        )
