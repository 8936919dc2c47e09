"""What all bodies of the API's answers have in common."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """A body, or a part of one: never changed, and without a field that its schema lacks."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def to_datetime(seconds: float) -> datetime:
    """Seconds since the epoch as the API shows them."""
    return datetime.fromtimestamp(seconds, UTC)
