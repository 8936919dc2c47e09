"""The outermost middleware: request ids, traces, access log, metrics, and the final error
handler."""

import logging
import re
import time
import uuid
from contextlib import nullcontext

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.admission import caller_of
from service.api.errors import problem_response
from service.api.route_table import RouteTable
from service.errors import ServiceError
from service.observability.logs import request_context, tenant_context
from service.observability.metrics import HttpMetrics
from service.observability.spans import Span, SpanKind, span
from service.observability.trace_context import TraceContext
from service.schemas.view import root_path_context

logger = logging.getLogger(__name__)

_PROBES = frozenset({"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"})
"""Health checks, which arrive every few seconds: no spans, and log lines only for failures."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestContext:
    """Gives each request an id and a trace span, logs it and counts it.

    A valid `X-Request-Id` of the client is kept, and its trace is continued; the response contains
    both.
    """

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, routes: RouteTable) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        exchange = _Exchange(send, request_id)
        states = headers.getlist("tracestate")
        parent = TraceContext.parse(headers.get("traceparent", ""), states)
        label = self._routes.find(scope).label
        with (
            root_path_context(scope.get("root_path", "")),
            request_context(request_id),
            span(
                f"{scope['method']} {label}",
                kind=SpanKind.SERVER,
                parent=parent,
                attributes={"http.request.method": scope["method"], "http.route": label},
                recorded=label not in _PROBES,
            ) as step,
            self._metrics.in_flight.track_inprogress(),
        ):
            try:
                await self._app(scope, receive, exchange.send)
            except Exception:
                shown = _loggable_path(scope, label)
                logger.exception("%s %s failed", scope["method"], shown)
                if exchange.status is not None:
                    raise  # the response has started: the server closes the connection
                answer = problem_response(ServiceError(), instance=scope["path"])
                await answer(scope, receive, exchange.send)
            finally:
                exchange.log(scope, label)
                exchange.describe(step, scope)
                self._metrics.count(label, exchange.status, seconds=exchange.seconds)


class _Exchange:
    """Observes one response."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._began = time.monotonic()
        self.status: int | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the request arrived."""
        return time.monotonic() - self._began

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-ID"] = self._request_id
        await self._send(message)

    def log(self, scope: Scope, label: str) -> None:
        quiet = label in _PROBES and self.status == 200
        milliseconds = 1000 * self.seconds
        level = logging.DEBUG if quiet else logging.INFO
        what = f"{scope['method']} {_loggable_path(scope, label)} {self.status}"
        caller = caller_of(scope)
        with tenant_context(caller.tenant) if caller else nullcontext():
            logger.log(level, "%s in %.0f ms", what, milliseconds)

    def describe(self, step: Span, scope: Scope) -> None:
        """Add attributes to the span that are known only at its end."""
        caller = caller_of(scope)
        step.set({"hiir.request_id": self._request_id})
        if caller:
            step.set({"hiir.tenant": caller.tenant})
        if self.status is not None:  # otherwise the client has disconnected
            step.set({"http.response.status_code": self.status})
            if self.status >= 500:
                step.fail(str(self.status))


def _loggable_path(scope: Scope, label: str) -> str:
    """Return the path; if the path itself grants access, return only the template of its route."""
    path: str = scope["path"]
    return label if "{token}" in label else path
