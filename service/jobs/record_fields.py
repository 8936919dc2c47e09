"""Parsers of optional fields of a job's record in Redis."""

import json
from collections.abc import Mapping
from typing import Any

from hiir.imaging import Note, NoteCode
from service.jobs.stored_image import StoredImage


def read_image(fields: Mapping[str, str], key: str) -> StoredImage | None:
    """Return a stored image, or None if the field is missing."""
    return StoredImage.from_json(fields[key]) if key in fields else None


def read_optional(fields: Mapping[str, str], key: str) -> float | None:
    """Return a number, or None if the field is missing."""
    return float(fields[key]) if key in fields else None


def read_warnings(fields: Mapping[str, str]) -> tuple[Note, ...]:
    """Return the notes on the result."""
    values: Any = json.loads(fields.get("warnings", "[]"))
    return tuple(Note(code=NoteCode(item["code"]), detail=item["detail"]) for item in values)


def read_timings(fields: Mapping[str, str]) -> Mapping[str, float]:
    """Return the seconds spent in each stage."""
    values: Any = json.loads(fields.get("timings", "{}"))
    return {str(stage): float(seconds) for stage, seconds in values.items()}
