"""`HEAD` for every `GET`: the route runs, and its body is dropped (RFC 9110, section 9.3.2)."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """Middleware that answers `HEAD` with the status and headers of `GET`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        started = asyncio.Event()

        async def receive_until_started() -> Message:
            """Report a disconnect after the headers, which ends a streaming response."""
            if started.is_set():
                return {"type": "http.disconnect"}
            receiving = asyncio.ensure_future(receive())
            waiting = asyncio.ensure_future(started.wait())
            try:
                await asyncio.wait({receiving, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if receiving.done() and not started.is_set():
                    return receiving.result()
                return {"type": "http.disconnect"}
            finally:
                receiving.cancel()
                waiting.cancel()

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                started.set()

        await self._app({**scope, "method": "GET"}, receive_until_started, send_headers)
