"""Selects the files that `hiir restore` restores, and the path of each result."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hiir.errors import HiirError

__all__ = [
    "RAW_SUFFIXES",
    "PhotoPlanError",
    "PlannedPhoto",
    "find_photos",
    "is_in_output",
    "is_photo",
    "plan_photo",
    "plan_photos",
    "with_format",
]

RAW_SUFFIXES = {
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw"),
}
"""Suffixes of camera raw files."""
_PHOTOS = RAW_SUFFIXES | {
    *(".avif", ".bmp", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
}
"""Suffixes of the photos in a folder; a file that is given by name may have any suffix."""
_SUFFIXES = {"jpeg": (".jpg", ".jpeg"), "tiff": (".tif", ".tiff"), "heic": (".heic", ".heif")}
"""Suffixes of formats that have several, or one that is not their name; the first one is written.
"""


class PhotoPlanError(HiirError):
    """An input does not exist, or two results would have the same name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPhoto:
    """A photo and the path of its result."""

    source: Path
    relative: Path
    """Path of the source inside its folder; only the filename if the file was given by name."""
    target: Path
    """Path in the output folder, with the suffix of the result's format."""
    right: Path | None = None
    """Right view of a dual-pixel sensor, for `defocus-deblur`."""


def plan_photos(
    inputs: Iterable[Path],
    *,
    output: Path,
    recursive: bool,
    image_format: str = "same",
    right: Path | None = None,
) -> tuple[PlannedPhoto, ...]:
    """Return the photos of files and folders, in a stable order.

    A file is written to the output folder under its name; a file of a folder keeps its path in it.
    The output folder itself is skipped, so that a second run does not restore earlier results.

    Args:
        inputs: files and folders.
        output: the output folder.
        recursive: include subfolders.
        image_format: format of the results; `same` keeps that of each photo.
        right: right view of a single file, or a folder of right views with the same paths.

    Raises:
        PhotoPlanError: if an input does not exist, or two results would have the same name.
    """
    planned: dict[Path, PlannedPhoto] = {}
    for given in inputs:
        for source, relative in find_photos(given, output=output, recursive=recursive):
            photo = plan_photo(
                source, relative, output=output, image_format=image_format, right=right
            )
            other = planned.setdefault(photo.target, photo).source
            if other != source:
                raise PhotoPlanError(
                    f"{other} and {source} would both be restored to {photo.target}; "
                    "restore them into two folders."
                )
    if right is not None and right.is_file() and len(planned) > 1:
        raise PhotoPlanError("--right is a file; for several photos it must be a folder.")
    return tuple(planned.values())


def plan_photo(
    source: Path,
    relative: Path,
    *,
    output: Path,
    image_format: str = "same",
    right: Path | None = None,
) -> PlannedPhoto:
    """Return the plan for one photo.

    Raises:
        PhotoPlanError: if the result would replace the photo, or its right view does not exist.
    """
    target = with_format(output / relative, image_format)
    if target.resolve() == source.resolve():
        raise PhotoPlanError(f"{source} is in the output folder; choose another.")
    if right is not None and not right.is_file():
        right = right / relative
        if not right.is_file():
            raise PhotoPlanError(f"Found no right view of {source} at {right}.")
    return PlannedPhoto(source=source, relative=relative, target=target, right=right)


def with_format(path: Path, image_format: str) -> Path:
    """Return the path with a suffix of the format; `same` keeps the suffix."""
    suffixes = _SUFFIXES.get(image_format, (f".{image_format}",))
    if image_format == "same" or path.suffix.lower() in suffixes:
        return path
    return path.with_suffix(suffixes[0])


def is_photo(relative: Path) -> bool:
    """Return whether a file of a folder is a photo, by its name; hidden files are not."""
    is_hidden = any(part.startswith(".") for part in relative.parts)
    return not is_hidden and relative.suffix.lower() in _PHOTOS


def is_in_output(path: Path, folder: Path, *, output: Path) -> bool:
    """Return whether a file is in an output folder inside `folder`, and thus an earlier result."""
    results = output.resolve()
    return results.is_relative_to(folder.resolve()) and path.resolve().is_relative_to(results)


def find_photos(given: Path, *, output: Path, recursive: bool) -> Iterator[tuple[Path, Path]]:
    """Yield each photo of a file or folder with its relative path.

    Raises:
        PhotoPlanError: if `given` does not exist.
    """
    if given.is_file():
        yield given, Path(given.name)
        return
    if not given.is_dir():
        raise PhotoPlanError(f"Found neither a file nor a folder at {given}.")
    for path in sorted(given.rglob("*") if recursive else given.iterdir()):
        relative = path.relative_to(given)
        is_result = is_in_output(path, given, output=output)
        if is_photo(relative) and path.is_file() and not is_result:
            yield path, relative
