"""Before a route is chosen, and before a byte of the body is read: may this request go on?

Pure ASGI, because a framework's dependency runs only when a form has been received whole.
"""

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.access import PUBLIC, Access, Caller
from service.api.errors import problem_response
from service.errors import ServiceError
from service.telemetry import tenant_context

_CALLER = "caller"


class Admission:
    """Lets a request in with its caller, or answers it."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in PUBLIC:
            await self._app(scope, receive, send)
            return
        try:
            caller = await run_in_threadpool(self._access.admit, scope)
        except ServiceError as error:
            await _refuse(error, scope, receive, send)
            return
        scope.setdefault("state", {})[_CALLER] = caller
        with tenant_context(caller.tenant):
            await self._app(scope, receive, send)


def caller_of(scope: Scope) -> Caller | None:
    """The caller of a request that was let in."""
    caller: Caller | None = scope.get("state", {}).get(_CALLER)
    return caller


async def _refuse(error: ServiceError, scope: Scope, receive: Receive, send: Send) -> None:
    headers = Headers(scope=scope)
    has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    # Or the body that nobody wants would still be read, and dropped.
    extra = {"Connection": "close"} if has_body else {}
    answer = problem_response(error, instance=scope["path"], headers=extra)
    await answer(scope, receive, send)
