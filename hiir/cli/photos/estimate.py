"""What a run would do: photos, megapixels, and the seconds that they would take."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from hiir.cli.photos.plan import RAW_SUFFIXES, PlannedPhoto
from hiir.cli.photos.request import RestoreRequest
from hiir.imaging import ImagingError, probe

__all__ = ["show_estimate"]


def show_estimate(
    photos: Iterable[PlannedPhoto], request: RestoreRequest | None, *, as_json: bool
) -> int:
    """Print a line a photo and a sum, from the photos' headers; returns the exit status.

    Without a `request`, which needs a running service, no seconds are known. A file that cannot be
    read is listed, and the status is then 1.
    """
    pace = None if request is None else request.megapixel_seconds
    megapixels, count, unreadable = 0.0, 0, 0
    for photo in photos:
        count += 1
        try:
            found = _megapixels(photo.source)
        except (ImagingError, OSError) as error:
            unreadable += 1
            _print_photo(photo, as_json=as_json, detail=str(error))
            continue
        if found is not None:
            megapixels += found
        _print_photo(photo, as_json=as_json, megapixels=found, seconds=_seconds(found, pace))
    total = _seconds(megapixels, pace)
    time = "of unknown duration" if total is None else f"about {total:.0f} s of processing"
    print(
        f"hiir: {count} photos, {unreadable} unreadable, {megapixels:.1f} megapixels, {time}",
        file=sys.stderr,
    )
    return 1 if unreadable else 0


def _seconds(megapixels: float | None, pace: float | None) -> float | None:
    return None if megapixels is None or pace is None else megapixels * pace


def _megapixels(path: Path) -> float | None:
    """Megapixels by the header; None for a camera raw file, which is not decoded for it."""
    if path.suffix.lower() in RAW_SUFFIXES:
        return None
    with path.open("rb") as file:
        return probe(file).pixels / 1e6


def _print_photo(
    photo: PlannedPhoto,
    *,
    as_json: bool,
    megapixels: float | None = None,
    seconds: float | None = None,
    detail: str | None = None,
) -> None:
    if as_json:
        item = {
            "source": str(photo.source),
            "target": str(photo.target),
            "megapixels": megapixels,
            "seconds": seconds,
            "detail": detail,
        }
        print(json.dumps(item))
        return
    size = "raw" if megapixels is None else f"{megapixels:.1f} megapixels"
    print(f"{photo.source} -> {photo.target}: {detail or size}")
