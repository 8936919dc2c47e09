"""Authentication, authorization and quotas, before routing and before the body is read.

This is ASGI middleware because a FastAPI dependency runs only after a whole form was received.
Public paths, health checks above all, need no key and have no limits.
"""

import re
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.access import PUBLIC, Access, Caller
from service.api.errors import problem_response
from service.api.rate_headers import policy_headers, quota_headers
from service.capacity.quotas import QuotaStatus, QuotaStore
from service.errors import ServiceError
from service.intake.accept import JobSubmitter
from service.limits import TenantLimits
from service.observability.logs import tenant_context

_CALLER = "caller"
_SUBMISSIONS = re.compile(
    r"POST /v1/(?:jobs|batches)/?|PUT /v1/(?:jobs|batches)/[^/]+"
    r"|POST /v1/batches/[^/]+/retry-failed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """The caller, its quota, and the error that refuses the request, if any."""

    caller: Caller | None = None
    quota: QuotaStatus | None = None
    refusal: ServiceError | None = None


class AdmissionMiddleware:
    """Passes a request on with its caller, or refuses it; always adds the rate limit headers."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        quotas: QuotaStore,
        submitter: JobSubmitter,
        limits: TenantLimits,
    ) -> None:
        self._app = app
        self._access = access
        self._quotas = quotas
        self._submitter = submitter
        self._policy = policy_headers(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        decision = _Decision()
        if scope["path"] not in PUBLIC:
            decision = await run_in_threadpool(self._decide, scope)
        headers = dict(self._policy)
        if decision.quota is not None:
            headers |= quota_headers(decision.quota)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        if decision.refusal is not None:
            await _refuse(decision.refusal, scope, receive, send_with_limits)
        elif decision.caller is None:
            await self._app(scope, receive, send_with_limits)
        else:
            scope.setdefault("state", {})[_CALLER] = decision.caller
            with tenant_context(decision.caller.tenant):
                await self._app(scope, receive, send_with_limits)

    def _decide(self, scope: Scope) -> _Decision:
        try:
            caller = self._access.admit(scope)
        except ServiceError as error:
            return _Decision(refusal=error)
        submits = is_submission(scope)
        try:
            read_quota = self._quotas.consume if submits else self._quotas.snapshot
            quota = read_quota(caller.tenant)
            refusal = self._refusal(quota, scope) if submits else None
        except ServiceError as error:  # only submissions require Redis
            return _Decision(caller=caller, refusal=error if submits else None)
        return _Decision(caller=caller, quota=quota, refusal=refusal)

    def _refusal(self, quota: QuotaStatus, scope: Scope) -> ServiceError | None:
        if quota.wait:
            return quota.rate_limited()
        # A repeated request may find its job; the body decides.
        if scope["method"] == "PUT" or "idempotency-key" in Headers(scope=scope):
            return None
        is_batch = scope["path"].startswith("/v1/batches")  # jobs of batches are counted separately
        if not quota.free_jobs and not is_batch:
            return self._submitter.too_many_jobs(quota)
        return quota.quota_exceeded() if quota.is_spent else None


def is_submission(scope: Scope) -> bool:
    """Return whether a request submits jobs."""
    return bool(_SUBMISSIONS.fullmatch(f"{scope['method']} {scope['path']}"))


def caller_of(scope: Scope) -> Caller | None:
    """Return the caller of an admitted request."""
    caller: Caller | None = scope.get("state", {}).get(_CALLER)
    return caller


async def _refuse(error: ServiceError, scope: Scope, receive: Receive, send: Send) -> None:
    headers = Headers(scope=scope)
    has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    # Otherwise the server would read and drop the whole body.
    extra = {"Connection": "close"} if has_body else {}
    answer = problem_response(error, instance=scope["path"], headers=extra)
    await answer(scope, receive, send)
