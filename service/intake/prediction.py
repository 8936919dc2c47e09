"""Predicts the result of a checked upload from the durations of earlier jobs."""

from hiir.imaging import Note
from service.capacity.backlog import Backlog
from service.capacity.job_work import JobWork, TileWork, tile_pixels, tiles_name
from service.catalogue.restoration import Restoration
from service.intake.check import CheckedUpload
from service.jobs.dry_run import DryRun
from service.jobs.planned_step import plan_steps, result_shape
from service.jobs.priority import Priority


def predict(
    request: Restoration,
    checked: CheckedUpload,
    backlog: Backlog,
    *,
    priority: Priority,
    notes: tuple[Note, ...],
    is_cached: bool,
) -> DryRun:
    """Return the result's size, tiles, time and wait; `notes` are the notes of the result.

    A cached result takes neither tiles nor time.
    """
    photo, region = checked.photo, checked.options.region
    paces = backlog.seconds_per_megapixel
    models = [planned.model for planned in checked.steps]
    steps = plan_steps(
        photo.shape,
        [planned.step for planned in checked.steps],
        models,
        any_size=[tiles_name(model.sha256, any_size=True) in paces for model in models],
        region=region,
    )
    height, width = result_shape(photo.shape, models, region)
    work = JobWork(
        steps=tuple(
            TileWork(
                model_sha256=step.model.sha256,
                any_size=step.any_size,
                pixels=tile_pixels(step.tiles),
            )
            for step in steps
        ),
        read_format=checked.format,
        read_pixels=photo.header.pixels,
        written_format=checked.result_format.value,
        written_pixels=width * height,
    )
    return DryRun(
        task=request.name,
        steps=tuple(planned.step for planned in steps),
        options=checked.options,
        format=checked.result_format.value,
        width=width,
        height=height,
        tiles=0 if is_cached else sum(len(planned.tiles) for planned in steps),
        seconds=0.0 if is_cached else work.seconds(paces),
        wait_seconds=0.0 if is_cached else backlog.wait_seconds(priority),
        pixels=0 if is_cached else checked.restored_pixels,
        cached=is_cached,
        notes=notes,
    )
