"""Base class of all bodies."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

_root_path: ContextVar[str] = ContextVar("root_path", default="")


class View(BaseModel):
    """A body, or a part of one: immutable, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@contextmanager
def root_path_context(prefix: str) -> Iterator[None]:
    """Prepend `prefix` to all paths that are built in the block, as a proxy or a mount requires."""
    token = _root_path.set(prefix.rstrip("/"))
    try:
        yield
    finally:
        _root_path.reset(token)


def to_path(path: str) -> str:
    """Return the path of a route as the client of the current request has to use it."""
    return _root_path.get() + path


def to_datetime(seconds: float) -> datetime:
    """Convert seconds since the epoch to a UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)
