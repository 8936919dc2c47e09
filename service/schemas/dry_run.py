"""The body about a dry run."""

from typing import Any, Self

from service.jobs.dry_run import DryRun
from service.schemas.job import WarningView
from service.schemas.view import View


class PlannedImageView(View):
    """The file that a job would write."""

    format: str
    width: int
    height: int


class DryRunView(View):
    """What a submission would lead to. Nothing was stored or queued, and no megapixels counted."""

    task: str
    parameters: dict[str, str]
    """Parameters of the task, normalized."""
    model: str
    model_version: str
    model_sha256: str
    options: dict[str, Any]
    """Options for the result that differ from the defaults."""
    output: PlannedImageView
    tiles: int
    seconds: float | None
    """Predicted time from the job's start to its end; null before the model's first job."""
    wait_seconds: float | None
    """Predicted time until the job starts; null without a worker."""
    megapixels: float
    """Megapixels that the job would take of the quota of the day."""
    warnings: list[WarningView]
    """Changes to the photo other than its restoration."""

    @classmethod
    def of(cls, made: DryRun) -> Self:
        """Build the view of a dry run."""
        model = made.model
        return cls(
            task=made.task,
            parameters=dict(made.parameters),
            model=model.name,
            model_version=model.version,
            model_sha256=model.sha256,
            options=made.options.to_json(),
            output=PlannedImageView(format=made.format, width=made.width, height=made.height),
            tiles=made.tiles,
            seconds=None if made.seconds is None else round(made.seconds, 3),
            wait_seconds=None if made.wait_seconds is None else round(made.wait_seconds, 3),
            megapixels=made.pixels / 1e6,
            warnings=[WarningView(code=note.code, detail=note.detail) for note in made.notes],
        )
