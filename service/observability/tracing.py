"""Starts and stops the export of spans to an OpenTelemetry collector.

The SDK is an extra (`otel`), and is imported only if the environment names a collector.
"""

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from service.observability.spans import install_recorder
from service.settings.tracing import TracingSettings

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
"""Seconds that a process waits for the collector when it ends."""


@contextmanager
def exporting_spans(service: str) -> Iterator[None]:
    """Export the spans of this process during the block, if the environment names a collector.

    Enter it after the process was forked: the SDK sends from a thread, which a fork does not copy.
    On exit, the remaining spans are sent, for at most `FLUSH_SECONDS`.

    Args:
        service: the `service.name` of the spans, unless `OTEL_SERVICE_NAME` is set.
    """
    settings = TracingSettings()
    if settings.endpoint is None:
        yield
        return
    if settings.obstacle is not None:
        logger.warning("no spans are exported: %s", settings.obstacle)
        yield
        return
    try:
        otlp = importlib.import_module("service.observability.otlp")
    except ModuleNotFoundError as error:
        logger.warning("no spans are exported: %s; install hiir-restore[otel]", error)
        yield
        return
    recorder = otlp.OtlpRecorder(service=service)
    install_recorder(recorder)
    try:
        yield
    finally:
        install_recorder(None)
        recorder.close(seconds=FLUSH_SECONDS)
