"""Completed steps of a job, and the time that they took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from service.capacity.job_work import JobWork, TileWork, tile_pixels
from service.capacity.throughput import ThroughputStore
from service.jobs.job import Stage
from service.jobs.planned_step import PlannedStep, Step
from service.jobs.stored_image import StoredImage


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedStep:
    """A completed step and the time that it took."""

    step: Step
    """The step, with the model that ran it."""
    work: TileWork
    seconds: float
    pixels: int
    """Pixels of the step's image, without padding."""

    @classmethod
    def of(cls, planned: PlannedStep, *, seconds: float) -> Self:
        """Build the record of a planned step that took `seconds`."""
        work = TileWork(
            model_sha256=planned.model.sha256,
            any_size=planned.any_size,
            pixels=tile_pixels(planned.tiles),
        )
        step = Step.of(planned.step.task, planned.step.parameters, planned.model)
        return cls(step=step, work=work, seconds=seconds, pixels=planned.pixels)


def record_throughput(
    store: ThroughputStore,
    steps: Sequence[EndedStep],
    *,
    source: StoredImage,
    written_format: str,
    written_pixels: int,
    timings: Mapping[str, float],
) -> None:
    """Record the durations of a job's steps and stages.

    Raises:
        StoreUnavailableError: if Redis does not answer.
    """
    work = JobWork(
        steps=tuple(ended.work for ended in steps),
        read_format=source.format,
        read_pixels=source.pixels,
        written_format=written_format,
        written_pixels=written_pixels,
    )
    store.record(
        work,
        image_pixels=[ended.pixels for ended in steps],
        steps=[ended.seconds for ended in steps],
        read=timings[Stage.DECODE],
        written=timings[Stage.ENCODE] + timings[Stage.STORE],
    )
