"""Notes on parts of a photo that encoding changes or leaves out."""

from collections.abc import Iterator

from hiir.imaging.formats import ImageFormat
from hiir.imaging.metadata import METADATA_NAMES, ImageMetadata
from hiir.imaging.metadata_of_region import metadata_of_region
from hiir.imaging.notes import Note, NoteCode
from hiir.imaging.options import PhotoOptions
from hiir.imaging.output_plan import OutputPlan, plan_photo
from hiir.imaging.photo import PhotoInfo


def notes_on_result(photo: PhotoInfo, options: PhotoOptions) -> tuple[Note, ...]:
    """Return all notes that the result will have, including those on decoding.

    Raises:
        ImagingError: the errors of `plan_photo`.
    """
    plan = plan_photo(photo, options)
    _, dropped = written_metadata(photo, options, plan.format)
    return (*photo.notes, *notes_on_plan(photo, plan, options), *dropped)


def written_metadata(
    photo: PhotoInfo, options: PhotoOptions, target: ImageFormat
) -> tuple[ImageMetadata, tuple[Note, ...]]:
    """Return the metadata of the output file, of the photo or its region, and notes on the rest."""
    whole = own = photo.metadata
    if options.region is not None:
        own = metadata_of_region(whole)
    held = own.fitting(target)
    reasons = {
        "it may describe the whole photo": own.dropped[len(whole.dropped) :],
        f"{target.name} cannot hold it": held.dropped[len(own.dropped) :],
    }
    notes = tuple(
        Note(
            code=NoteCode.METADATA_DROPPED,
            detail=f"{METADATA_NAMES[name]} was left out: {reason}.",
        )
        for reason, names in reasons.items()
        for name in names
    )
    return held, notes


def notes_on_plan(photo: PhotoInfo, plan: OutputPlan, options: PhotoOptions) -> Iterator[Note]:
    """Yield notes on how the output file differs in kind from the uploaded one."""
    header = photo.header
    if options.format is None and plan.format is not header.format:
        detail = (
            f"Written as {plan.format.name}: {header.format.name} is read here, and not written."
        )
        yield Note(code=NoteCode.FORMAT_CHANGED, detail=detail)
    if plan.bit_depth != photo.bit_depth:
        stored = max(header.bit_depth, 8)
        detail = f"Written with {plan.bit_depth} bits per sample instead of {stored}."
        yield Note(code=NoteCode.BIT_DEPTH_CHANGED, detail=detail)
    if header.is_lossless and plan.format is header.format and not plan.is_lossless:
        detail = (
            f"The {plan.format.name} file was compressed without loss, and is written with loss; "
            "format=png keeps every sample."
        )
        yield Note(code=NoteCode.COMPRESSION_CHANGED, detail=detail)
