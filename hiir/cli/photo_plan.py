"""Which files `hiir restore` restores, and where each result goes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hiir.errors import HiirError

__all__ = ["PhotoPlanError", "PlannedPhoto", "plan_photos", "with_format"]

_PHOTOS = {
    *(".avif", ".bmp", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw"),
}
"""Suffixes of the photos in a folder; a file that is named itself may have any."""
_SUFFIXES = {"jpeg": (".jpg", ".jpeg"), "tiff": (".tif", ".tiff"), "heic": (".heic", ".heif")}
"""Suffixes of formats that have several, or another than their name; the first one is written."""


class PhotoPlanError(HiirError):
    """An input does not exist, or two results would have one name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPhoto:
    """A photo and the place of its result."""

    source: Path
    target: Path
    """In the output folder, with the suffix of the result's format."""


def plan_photos(
    inputs: Iterable[Path], *, output: Path, recursive: bool, image_format: str = "same"
) -> tuple[PlannedPhoto, ...]:
    """Return the photos of files and folders, in a stable order; raises `PhotoPlanError`.

    A file goes to the output folder under its name; a file of a folder keeps its path in it. The
    output folder itself is left out, so that a second run does not restore earlier results.
    """
    planned: dict[Path, Path] = {}
    for given in inputs:
        for source, relative in _photos(given, output=output, recursive=recursive):
            target = with_format(output / relative, image_format)
            if planned.setdefault(target, source) != source:
                raise PhotoPlanError(
                    f"{planned[target]} and {source} would both be restored to {target}; "
                    "restore them into two folders."
                )
            if target.resolve() == source.resolve():
                raise PhotoPlanError(f"{source} is in the output folder; choose another.")
    return tuple(PlannedPhoto(source=source, target=target) for target, source in planned.items())


def with_format(path: Path, image_format: str) -> Path:
    """Return the path with a suffix of the format; `same` keeps any."""
    suffixes = _SUFFIXES.get(image_format, (f".{image_format}",))
    if image_format == "same" or path.suffix.lower() in suffixes:
        return path
    return path.with_suffix(suffixes[0])


def _photos(given: Path, *, output: Path, recursive: bool) -> Iterator[tuple[Path, Path]]:
    if given.is_file():
        yield given, Path(given.name)
        return
    if not given.is_dir():
        raise PhotoPlanError(f"Found neither a file nor a folder at {given}.")
    results = output.resolve()
    for path in sorted(given.rglob("*") if recursive else given.iterdir()):
        relative = path.relative_to(given)
        is_hidden = any(part.startswith(".") for part in relative.parts)
        if is_hidden or path.suffix.lower() not in _PHOTOS or not path.is_file():
            continue
        if not path.resolve().is_relative_to(results):
            yield path, relative
