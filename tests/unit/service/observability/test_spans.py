from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.observability.logs import current_trace, trace_context
from service.observability.spans import install_recorder, record_span, span
from service.observability.trace_context import TraceContext

ROOT = TraceContext(trace_id="a" * 32, span_id="b" * 16, flags="01", tracestate="x=1")


@dataclass
class Noted:
    name: str
    parent: TraceContext | None
    context: TraceContext
    began: float | None
    attributes: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None
    ended: list[float | None] = field(default_factory=list)

    def set(self, attributes: dict[str, Any]) -> None:
        self.attributes.update(attributes)

    def fail(self, kind: str) -> None:
        self.failure = kind

    def end(self, *, at: float | None = None) -> None:
        self.ended.append(at)


class Recorder:
    def __init__(self) -> None:
        self.spans: list[Noted] = []

    def start(self, name: str, *, parent: Any, attributes: Any, at: Any, kind: Any) -> Noted:
        context = parent.child() if parent else TraceContext.root()
        self.spans.append(Noted(name, parent, context, at, dict(attributes)))
        return self.spans[-1]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    install_recorder(recorder)
    yield recorder
    install_recorder(None)


def test_without_a_recorder_a_span_continues_the_trace() -> None:
    with trace_context(ROOT), span("step") as step:
        step.set({"a": 1})
        step.fail("broken")
        assert current_trace() == step.context
        record_span("queue", began=1, ended=2, attributes={})
    assert (step.context.trace_id, step.context.flags) == (ROOT.trace_id, "01")
    assert step.context.tracestate == "x=1"
    assert step.context.span_id != ROOT.span_id
    assert current_trace() is None


def test_spans_of_inner_blocks_are_children(recorder: Recorder) -> None:
    with span("outer", parent=ROOT), span("inner", attributes={"a": 1}):
        record_span("queue", began=1.5, ended=2.5, attributes={"b": 2})
    outer, inner, queue = recorder.spans
    assert outer.parent == ROOT
    assert inner.parent == outer.context
    assert queue.parent == inner.context
    assert (inner.attributes, queue.attributes) == ({"a": 1}, {"b": 2})
    assert (queue.began, queue.ended) == (1.5, [2.5])
    assert outer.ended == inner.ended == [None]
    assert outer.failure is None


def test_an_exception_fails_the_span_by_its_name_alone(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="secret"), span("step"):
        raise ValueError("a secret of the client")
    (step,) = recorder.spans
    assert step.failure == "ValueError"
    assert step.ended == [None]


def test_a_span_that_shall_not_be_recorded_has_ids(recorder: Recorder) -> None:
    with span("GET /livez", parent=ROOT, recorded=False) as step:
        assert step.context.trace_id == ROOT.trace_id
    assert recorder.spans == []
