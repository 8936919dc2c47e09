"""Estimate of a run: its photos, megapixels and seconds."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from hiir.cli.photos.plan import RAW_SUFFIXES, PlannedPhoto
from hiir.cli.photos.request import RestoreRequest
from hiir.imaging import ImageHeader, ImagingError, Region, plan_tiles, probe

__all__ = ["show_estimate"]


def show_estimate(
    photos: Iterable[PlannedPhoto],
    request: RestoreRequest | None,
    *,
    region: Region | None = None,
    as_json: bool,
) -> int:
    """Print a line for each photo and a sum, from the photos' headers; returns the exit status.

    A file that cannot be read, or does not contain the region, is listed, and the status is then 1.

    Args:
        photos: the photos.
        request: what to restore; None if no service is running, and the seconds are then unknown.
        region: the part of each photo to restore. The tiles that it needs are counted, or its own
            pixels if the model's tiles are unknown.
        as_json: print JSON objects.
    """
    pace = None if request is None else request.megapixel_seconds
    megapixels, count, unreadable = 0.0, 0, 0
    for photo in photos:
        count += 1
        try:
            found = _megapixels(photo.source, region, None if request is None else request.tiling)
        except (ImagingError, OSError, ValueError) as error:
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


def _megapixels(path: Path, region: Region | None, tiling: tuple[int, int] | None) -> float | None:
    """Return the megapixels to restore, from the header; None for a camera raw file.

    Camera raw files are not decoded for an estimate.

    Raises:
        ValueError: if the photo does not contain the region.
    """
    if path.suffix.lower() in RAW_SUFFIXES:
        return None
    with path.open("rb") as file:
        header = probe(file)
    return (header.pixels if region is None else _tile_pixels(header, region, tiling)) / 1e6


def _tile_pixels(header: ImageHeader, region: Region, tiling: tuple[int, int] | None) -> int:
    # The header has the stored sides, which may be exchanged in the upright photo.
    for width, height in ((header.width, header.height), (header.height, header.width)):
        if region.is_inside(height=height, width=width):
            break
    else:
        raise ValueError(
            f"The photo of {header.width}x{header.height} pixels does not have the region {region}."
        )
    if tiling is None:
        return region.pixels
    tile, overlap = tiling
    plan = plan_tiles(height=height, width=width, tile=tile, overlap=overlap).covering(region)
    return plan.pixels_inside(height=height, width=width)


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
