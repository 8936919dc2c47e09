"""Base class of all bodies."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """A body, or a part of one: immutable, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def to_datetime(seconds: float) -> datetime:
    """Convert seconds since the epoch to a UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)
