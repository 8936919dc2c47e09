"""Spans: the steps of a trace.

Every span has ids, which appear in log lines and in outgoing calls. It is recorded only while a
recorder is installed (`service.observability.tracing`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from service.observability.logs import current_trace, trace_context
from service.observability.trace_context import TraceContext

Attributes = Mapping[str, str | int | float | bool]


class SpanKind(StrEnum):
    """Kinds of spans, as OpenTelemetry defines them."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    CONSUMER = "consumer"


class Span(Protocol):
    """One step of a trace."""

    @property
    def context(self) -> TraceContext:
        """Ids of the span."""
        ...

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""
        ...

    def fail(self, kind: str) -> None:
        """Mark the step as failed; `kind` is a code or an exception's name, never free text."""
        ...

    def end(self, *, at: float | None = None) -> None:
        """End the step now, or at a time in seconds since the epoch."""
        ...


class SpanRecorder(Protocol):
    """Records spans."""

    def start(
        self,
        name: str,
        *,
        kind: SpanKind,
        parent: TraceContext | None,
        attributes: Attributes,
        at: float | None,
    ) -> Span:
        """Start a span now, or at a time in seconds since the epoch; a root without a parent."""
        ...


@dataclass(frozen=True, slots=True)
class UnrecordedSpan:
    """A span that has ids but is not recorded."""

    context: TraceContext

    @classmethod
    def start(cls, parent: TraceContext | None) -> "UnrecordedSpan":
        """Continue a trace, or start one."""
        return cls(parent.child() if parent else TraceContext.root())

    def set(self, attributes: Attributes) -> None:
        """Do nothing."""

    def fail(self, kind: str) -> None:
        """Do nothing."""

    def end(self, *, at: float | None = None) -> None:
        """Do nothing."""


class _Installed:
    recorder: SpanRecorder | None = None


def install_recorder(recorder: SpanRecorder | None) -> None:
    """Record the spans of this process from now on; None stops recording."""
    _Installed.recorder = recorder


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: TraceContext | None = None,
    attributes: Attributes | None = None,
    recorded: bool = True,
) -> Iterator[Span]:
    """Run the block in a span of the current trace, or of the trace of `parent`.

    An exception marks the span as failed. With `recorded=False` the span only has ids.
    """
    above = parent or current_trace()
    recorder = _Installed.recorder if recorded else None
    step: Span = (
        UnrecordedSpan.start(above)
        if recorder is None
        else recorder.start(name, kind=kind, parent=above, attributes=attributes or {}, at=None)
    )
    with trace_context(step.context):
        try:
            yield step
        except Exception as error:
            step.fail(type(error).__name__)
            raise
        finally:
            step.end()


def record_span(name: str, *, began: float, ended: float, attributes: Attributes) -> None:
    """Record a completed step of the current trace; times are in seconds since the epoch."""
    if _Installed.recorder is not None:
        step = _Installed.recorder.start(
            name,
            kind=SpanKind.INTERNAL,
            parent=current_trace(),
            attributes=attributes,
            at=began,
        )
        step.end(at=ended)
