"""Logging, with the ids of the current request, job, tenant and trace in every line."""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from service.observability.trace_context import TraceContext
from service.settings import LogFormat, Settings

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_job_id: ContextVar[str | None] = ContextVar("job_id", default=None)
_tenant: ContextVar[str | None] = ContextVar("tenant", default=None)
_trace: ContextVar[TraceContext | None] = ContextVar("trace", default=None)

_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


@contextmanager
def request_context(request_id: str) -> Iterator[None]:
    """Add a request's id to every line logged in the block."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


@contextmanager
def job_context(job_id: str) -> Iterator[None]:
    """Add a job's id to every line logged in the block."""
    token = _job_id.set(job_id)
    try:
        yield
    finally:
        _job_id.reset(token)


@contextmanager
def tenant_context(tenant: str) -> Iterator[None]:
    """Add a tenant to every line logged in the block."""
    token = _tenant.set(tenant)
    try:
        yield
    finally:
        _tenant.reset(token)


@contextmanager
def trace_context(trace: TraceContext) -> Iterator[None]:
    """Add a trace's id to every line logged in the block; outgoing calls continue the trace."""
    token = _trace.set(trace)
    try:
        yield
    finally:
        _trace.reset(token)


@contextmanager
def origin_context(
    *, tenant: str, request_id: str | None, traceparent: str | None, tracestate: str | None
) -> Iterator[None]:
    """Restore the context of a request in a process that continues its work later."""
    trace = TraceContext.parse(traceparent, [tracestate or ""]) if traceparent else None
    with ExitStack() as contexts:
        contexts.enter_context(tenant_context(tenant))
        if request_id:
            contexts.enter_context(request_context(request_id))
        if trace is not None:
            contexts.enter_context(trace_context(trace))
        yield


def current_trace() -> TraceContext | None:
    """Return the current span of the trace, if there is one."""
    return _trace.get()


def current_request_id() -> str | None:
    """Return the id of the current request, if there is one."""
    return _request_id.get()


class _ContextFormatter(logging.Formatter):
    """Adds the ids of the context; subclasses format the line."""

    def ids(self) -> dict[str, str]:
        trace = _trace.get()
        found = {
            "request_id": _request_id.get(),
            "job_id": _job_id.get(),
            "tenant": _tenant.get(),
            "trace_id": trace.trace_id if trace else None,
        }
        return {name: value for name, value in found.items() if value is not None}


class TextFormatter(_ContextFormatter):
    """Plain text: `12:00:01 INFO service.api.jobs: accepted job_id=...`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s%(ids)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Format one line, followed by the traceback if there is one."""
        record.ids = "".join(f" {name}={value}" for name, value in self.ids().items())
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Format the line; control characters are escaped, so that a client cannot forge lines."""
        return super().formatMessage(record).translate(_ESCAPED)


class JsonFormatter(_ContextFormatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one line, with the traceback inside it."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self.ids(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure_logging(settings: Settings) -> None:
    """Send every log line to standard error in the configured format."""
    handler = logging.StreamHandler()
    as_json = settings.log_format is LogFormat.JSON
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for server in ("uvicorn", "uvicorn.error"):  # uvicorn starts with its own handlers and levels
        logging.getLogger(server).handlers.clear()
        logging.getLogger(server).setLevel(logging.NOTSET)
        logging.getLogger(server).propagate = True
    # Celery logs each message twice, and the job's own log lines say more.
    for chatty in ("httpx", "httpcore", "PIL", "celery.app.trace", "celery.worker.strategy"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # The exporter warns of every failed attempt to reach a collector, and then reports the dropped
    # batch.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
