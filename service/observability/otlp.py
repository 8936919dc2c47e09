"""Records spans with OpenTelemetry's SDK and sends them by OTLP over HTTP.

No other module imports the SDK. The provider is not registered globally, so that instrumented
libraries do not add their own spans.
"""

import logging
import threading
from types import MappingProxyType

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import SpanKind as SdkKind

from service.observability.spans import Attributes, SpanKind
from service.observability.trace_context import TraceContext

logger = logging.getLogger(__name__)

_KINDS = MappingProxyType({kind: SdkKind[kind.name] for kind in SpanKind})


class OtlpRecorder:
    """Sends spans in batches from a thread; spans that exceed its queue are dropped.

    The SDK reads its standard variables: `OTEL_EXPORTER_OTLP_*`, `OTEL_TRACES_SAMPLER`,
    `OTEL_BSP_*`, `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`.
    """

    def __init__(self, *, service: str) -> None:
        given = OTELResourceDetector().detect()
        # The SDK's exit hook would wait up to half a minute for a collector that does not answer.
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}).merge(given),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("hiir")

    def start(
        self,
        name: str,
        *,
        kind: SpanKind,
        parent: TraceContext | None,
        attributes: Attributes,
        at: float | None,
    ) -> "OtlpSpan":
        """Start a span; the sampler decides whether it is sent."""
        around = None
        if parent is not None:
            above = SpanContext(
                trace_id=int(parent.trace_id, 16),
                span_id=int(parent.span_id, 16),
                is_remote=True,
                trace_flags=TraceFlags(int(parent.flags, 16)),
                trace_state=TraceState.from_header([parent.tracestate]),
            )
            around = set_span_in_context(NonRecordingSpan(above))
        return OtlpSpan(
            self._tracer.start_span(
                name,
                context=around,
                kind=_KINDS[kind],
                attributes=attributes,
                start_time=None if at is None else _nanoseconds(at),
            )
        )

    def close(self, *, seconds: float) -> None:
        """Send the remaining spans, for at most `seconds`."""
        # The SDK's timeouts do not cover an attempt in progress and its retries.
        flushing = threading.Thread(
            target=self._provider.force_flush, name="flush-spans", daemon=True
        )
        flushing.start()
        flushing.join(seconds)
        if flushing.is_alive():
            logger.warning("the collector does not answer: the latest spans are lost")


class OtlpSpan:
    """A span recorded by the SDK."""

    def __init__(self, inner: SdkSpan) -> None:
        self._inner = inner
        ids = inner.get_span_context()
        self._context = TraceContext(
            trace_id=format(ids.trace_id, "032x"),
            span_id=format(ids.span_id, "016x"),
            flags=format(ids.trace_flags, "02x"),
            tracestate=ids.trace_state.to_header(),
        )

    @property
    def context(self) -> TraceContext:
        """Ids of the span."""
        return self._context

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""
        self._inner.set_attributes(dict(attributes))

    def fail(self, kind: str) -> None:
        """Mark the step as failed."""
        self._inner.set_attribute("error.type", kind)
        self._inner.set_status(StatusCode.ERROR)

    def end(self, *, at: float | None = None) -> None:
        """End the step now, or at a time in seconds since the epoch."""
        self._inner.end(None if at is None else _nanoseconds(at))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
