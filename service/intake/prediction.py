"""Predicts what becomes of a checked upload, by what earlier jobs have taken."""

from hiir.imaging import Note, restored_shape, tiles_of
from service.capacity.backlog import Backlog
from service.capacity.job_work import JobWork, tile_pixels, tiles_name
from service.catalogue.tasks import TaskRequest
from service.intake.check import CheckedUpload
from service.jobs.dry_run import DryRun
from service.jobs.priority import Priority


def predict(
    request: TaskRequest,
    checked: CheckedUpload,
    backlog: Backlog,
    *,
    priority: Priority,
    notes: tuple[Note, ...],
) -> DryRun:
    """Return the result's size, tiles, time and wait; `notes` are those of the result."""
    model, photo, region = checked.model, checked.photo, checked.options.region
    paces = backlog.seconds_per_megapixel
    any_size = tiles_name(model.sha256, any_size=True) in paces
    plan = tiles_of(photo.shape, model, any_size=any_size, region=region)
    height, width, _ = restored_shape(photo.shape, model, region)
    work = JobWork(
        model_sha256=model.sha256,
        any_size=any_size,
        tile_pixels=tile_pixels(plan),
        read_format=checked.format,
        read_pixels=photo.header.pixels,
        written_format=checked.result_format.value,
        written_pixels=width * height,
    )
    return DryRun(
        task=request.task.name,
        parameters=request.parameters,
        model=model,
        options=checked.options,
        format=checked.result_format.value,
        width=width,
        height=height,
        tiles=len(plan),
        seconds=work.seconds(paces),
        wait_seconds=backlog.wait_seconds(priority),
        pixels=checked.region_pixels or photo.header.pixels,
        notes=notes,
    )
