import logging
import socket
import subprocess
import sys
import time

import pytest

from service.observability import tracing
from service.observability.logs import current_trace
from service.observability.spans import UnrecordedSpan, span
from service.observability.tracing import exporting_spans

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_without_variables_nothing_is_imported() -> None:
    script = (
        "import sys, service.worker.pipeline, service.api.app, service.webhooks.worker.app\n"
        "from service.observability.tracing import exporting_spans\n"
        "with exporting_spans('hiir-test'): pass\n"
        # The SDK's metrics are imported by redis-py itself, wherever they are installed.
        "parts = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'opentelemetry.proto')\n"
        "print([name for name in sys.modules if name.startswith(parts)])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], env={}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_without_the_extra_a_warning_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "service.observability.otlp", None)
    with exporting_spans("hiir-test"), span("step") as step:
        assert isinstance(step, UnrecordedSpan)
    assert "hiir-restore[otel]" in caplog.text


def test_an_unsupported_protocol_is_named_and_the_service_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with exporting_spans("hiir-test"), span("step") as step:
        assert isinstance(step, UnrecordedSpan)
    assert "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not grpc" in caplog.text


def test_the_end_does_not_wait_for_a_collector_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with caplog.at_level(logging.WARNING):
            with exporting_spans("hiir-test"), span("step"):
                pass
            began = time.monotonic()
            with exporting_spans("hiir-test"), span("step"):
                pass
            assert time.monotonic() - began < 2
    assert "the latest spans are lost" in caplog.text


@pytest.mark.parametrize(("sampler", "is_sampled"), [("always_on", True), ("always_off", False)])
def test_the_standard_sampler_decides(
    monkeypatch: pytest.MonkeyPatch, sampler: str, is_sampled: bool
) -> None:
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.05)
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    with exporting_spans("hiir-test"), span("outer") as outer, span("inner") as inner:
        assert current_trace() == inner.context
    assert outer.context.is_sampled is inner.context.is_sampled is is_sampled
    assert inner.context.trace_id == outer.context.trace_id
