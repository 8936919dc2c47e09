"""Limits the time of a request body, and closes the connection after refusing an unread body."""

import asyncio
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooSlowError
from service.limits import Limits

_ERRORS = 400


class RequestBody:
    """Middleware whose `receive` raises `BodyTooSlowError` once the client's time is used up.

    A slow body holds an upload slot until it is complete. A client has `body_grace_seconds`, and
    one more second for every `body_bytes_per_second` bytes that it has sent. Only the time in which
    the server waits for the client counts. The limit ends with the body, or with the start of the
    response.
    """

    def __init__(
        self, app: ASGIApp, *, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._limits = limits
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            body = _Body(scope, receive, send, limits=self._limits, clock=self._clock)
            await self._app(scope, body.receive, body.send)
        else:
            await self._app(scope, receive, send)


class _Body:
    """The body of one request."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        headers = Headers(scope=scope)
        self._receive, self._send = receive, send
        self._limits, self._clock = limits, clock
        self._received, self._waited = 0, 0.0
        self._has_more = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        self._has_answer = False

    async def receive(self) -> Message:
        """Return the next message.

        Raises:
            BodyTooSlowError: if the client's time is used up.
        """
        if self._has_answer or not self._has_more:
            return await self._receive()
        limits = self._limits
        allowed = limits.body_grace_seconds + self._received / limits.body_bytes_per_second
        began = self._clock()
        try:
            message = await asyncio.wait_for(self._receive(), allowed - self._waited)
        except TimeoutError:
            raise BodyTooSlowError(
                f"The body was not complete after {allowed:.0f} seconds of waiting for it, with "
                f"{self._received} bytes received. A client has {limits.body_grace_seconds:g} "
                f"seconds, and one more for every {limits.body_bytes_per_second} bytes.",
                limit=round(allowed),
                actual=self._received,
            ) from None
        self._waited += self._clock() - began
        self._received += len(message.get("body", b""))
        self._has_more = message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the response."""
        if message["type"] == "http.response.start":
            self._has_answer = True
            if self._has_more and message["status"] >= _ERRORS:
                # Otherwise the server would read and discard the rest of the body.
                MutableHeaders(scope=message)["Connection"] = "close"
        await self._send(message)
