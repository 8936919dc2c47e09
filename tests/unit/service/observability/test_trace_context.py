import pytest

from service.observability.trace_context import TraceContext

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_header_is_read_and_written():
    header = f"00-{TRACE}-{SPAN}-01"
    found = TraceContext.parse(f" {header} ")
    assert (found.trace_id, found.span_id, found.flags) == (TRACE, SPAN, "01")
    assert found.traceparent == header


def test_a_later_version_is_read_as_far_as_it_is_known():
    found = TraceContext.parse(f"01-{TRACE}-{SPAN}-01-more")
    assert found.traceparent == f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00_{TRACE}-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent_is_ignored(header):
    assert TraceContext.parse(header) is None


def test_a_step_belongs_to_the_same_trace():
    first = TraceContext(trace_id=TRACE, span_id=SPAN, flags="01")
    step = first.child()
    assert (step.trace_id, step.flags) == (TRACE, "01")
    assert step.span_id != SPAN
    assert TraceContext.parse(step.traceparent) == step


def test_a_new_trace_can_be_read_by_others():
    root = TraceContext.root()
    assert TraceContext.parse(root.traceparent) == root
    assert root.trace_id != TraceContext.root().trace_id


def test_states_of_several_headers_are_handed_on_as_one():
    header = f"00-{TRACE}-{SPAN}-01"
    found = TraceContext.parse(header, ["rojo=00f067aa, ", "congo=t61rcWkgMzE,tenant@sys=a b"])
    assert found.tracestate == "rojo=00f067aa,congo=t61rcWkgMzE,tenant@sys=a b"
    assert found.child().headers["tracestate"] == found.tracestate
    assert found.headers == {"traceparent": header, "tracestate": found.tracestate}


@pytest.mark.parametrize("state", ["", ",", "a", "A=1", "a=1,a=2", "a=1=2", "a=\x7f", "a=é", "=1"])
def test_a_state_that_cannot_be_one_is_dropped_alone(state):
    found = TraceContext.parse(f"00-{TRACE}-{SPAN}-01", [state])
    assert (found.trace_id, found.tracestate) == (TRACE, "")
    assert found.headers.keys() == {"traceparent"}


def test_a_state_that_is_too_long_loses_whole_members_from_its_end():
    members = [f"k{number}={'v' * 20}" for number in range(40)]
    found = TraceContext.parse(f"00-{TRACE}-{SPAN}-01", [",".join(members)])
    kept = found.tracestate.split(",")
    assert kept == members[: len(kept)]
    assert 512 - 25 < len(found.tracestate) <= 512
