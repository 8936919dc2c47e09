"""The result of a job without steps: the analysis of its photo suggested none."""

from dataclasses import fields

from hiir.imaging import Note, NoteCode, PhotoInfo, PhotoOptions, writable_formats

__all__ = ["keeps_file", "notes_without_steps"]

_NOTE = Note(
    code=NoteCode.NOTHING_SUGGESTED,
    detail="The analysis found nothing to restore: no task was run.",
)


def keeps_file(photo: PhotoInfo, options: PhotoOptions) -> bool:
    """Return whether the result is the uploaded file, byte for byte.

    That is so unless the options require another file: encoding a JPEG again would change its
    pixels.
    """
    changes = {item.name for item in fields(options)} - {"strength", "format"}
    own = photo.header.format
    return (
        own in writable_formats()
        and options.format in {None, own}
        and all(getattr(options, name) == getattr(PhotoOptions(), name) for name in changes)
    )


def notes_without_steps(
    photo: PhotoInfo, options: PhotoOptions, notes: tuple[Note, ...]
) -> tuple[Note, ...]:
    """Return the notes of such a result; `notes` are the notes of a file that is encoded again."""
    return (_NOTE,) if keeps_file(photo, options) else (*notes, _NOTE)
