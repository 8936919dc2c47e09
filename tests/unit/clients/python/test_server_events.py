"""Server-sent events, however the bytes arrive."""

import pytest

from hiir_client.server_events import EventParser, ServerEvent

STREAM = (
    "\ufeff: a comment\r\n"
    "retry: 1500\r\n"
    "\r\n"
    "id: 1\nevent: status\ndata: {\ndata:}\n\n"
    "event: progress\rdata: \u00e9\u20ac\r\r"
    "id: 2\n\n"
    "id: 3\0\ndata\n\n"
    "unknown: x\ndata:  two spaces\n\n"
    "data: unfinished\n"
).encode()
EVENTS = [
    ServerEvent(id="1", kind="status", data="{\n}"),
    ServerEvent(id="1", kind="progress", data="\u00e9\u20ac"),
    ServerEvent(id="2", kind="message", data=""),
    ServerEvent(id="2", kind="message", data=" two spaces"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_events_do_not_depend_on_how_the_stream_is_cut(size: int) -> None:
    parser = EventParser()
    found = []
    for start in range(0, len(STREAM), size):
        found += parser.feed(STREAM[start : start + size])
    assert found == EVENTS
    assert parser.last_id == "2"
    assert parser.reconnect_seconds == 1.5


def test_a_resumed_stream_keeps_its_id() -> None:
    parser = EventParser(last_id="7-0")
    assert parser.feed(b"data: x\n\n") == [ServerEvent(id="7-0", kind="message", data="x")]
