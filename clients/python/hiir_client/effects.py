"""Requests of the protocol to its driver: only drivers do I/O or wait.

Every operation is a generator. It yields effects and receives their results, so that the same
operation works in the synchronous and the asynchronous client.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A file of a form. It is opened for each attempt, because an attempt consumes it."""

    name: str
    """Name of the form's field."""
    filename: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    """Fields of the form."""
    json: Mapping[str, Any] | None = None
    """Body that replaces the form."""
    files: tuple[FilePart, ...] = ()
    repeatable: bool = True
    """Whether the service acts only once, however often it receives the request."""
    extra_read_seconds: float = 0.0
    """Seconds for which the service delays the response on request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Status and headers of a response."""

    status: int
    headers: Mapping[str, str]
    """Headers, with names in lower case."""


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request; the result is the response's `Head`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """Read from the open response; the result is some bytes, and empty at its end."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the open response."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand a value to the caller of an operation that returns several."""

    value: Any


Effect: TypeAlias = Open | Read | Close | Sleep | Emit
Operation: TypeAlias = Generator[Effect, Any, T]
"""Yields effects and returns `T`; a failed effect throws `ConnectionLostError` into it."""
