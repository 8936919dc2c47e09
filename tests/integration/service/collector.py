"""A collector of OpenTelemetry in the process of the tests: what it receives can be looked at."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, kw_only=True)
class ReceivedSpan:
    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a root."""
    seconds: tuple[float, float]
    """Start and end, since the epoch."""
    attributes: Mapping[str, str]
    has_failed: bool


@dataclass(kw_only=True)
class Collector:
    url: str
    spans: list[ReceivedSpan] = field(default_factory=list)

    def of_trace(self, trace_id: str) -> list[ReceivedSpan]:
        return [span for span in tuple(self.spans) if span.trace_id == trace_id]


def read_request(content_type: str, body: bytes) -> Iterator[ReceivedSpan]:
    """Read protobuf, as Python's SDK sends it, or JSON with ids in hex, as Triton does."""
    if content_type == "application/x-protobuf":
        request = ExportTraceServiceRequest.FromString(body)
        for resource_spans in request.resource_spans:
            for scope in resource_spans.scope_spans:
                for span in scope.spans:
                    yield _read(
                        MessageToDict(resource_spans.resource).get("attributes", []),
                        MessageToDict(span),
                        (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()),
                    )
        return
    for resource_spans in json.loads(body)["resourceSpans"]:
        for scope in resource_spans["scopeSpans"]:
            for span in scope["spans"]:
                ids = (span["traceId"], span["spanId"], span.get("parentSpanId", ""))
                yield _read(resource_spans["resource"]["attributes"], span, ids)


def _read(
    resource: list[dict[str, Any]], span: Mapping[str, Any], ids: tuple[str, str, str]
) -> ReceivedSpan:
    trace_id, span_id, parent_id = ids
    return ReceivedSpan(
        service=_values(resource)["service.name"],
        name=span["name"],
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        seconds=(int(span["startTimeUnixNano"]) / 1e9, int(span["endTimeUnixNano"]) / 1e9),
        attributes=_values(span.get("attributes", [])),
        has_failed=span.get("status", {}).get("code") == "STATUS_CODE_ERROR",
    )


def _values(attributes: list[dict[str, Any]]) -> dict[str, str]:
    return {entry["key"]: str(next(iter(entry["value"].values()))) for entry in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found = list(read_request(self.headers["content-type"], body))
            collector.spans.extend(found)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(url=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
