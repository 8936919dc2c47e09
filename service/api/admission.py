"""Authentication, authorization and quotas, before the body is read.

This is ASGI middleware because a FastAPI dependency runs only after a whole form was received.
Public routes such as health checks need no key and have no limits. A request that matches no route
is answered here, with 404, 405 or the path's methods, and goes no further.
"""

from contextlib import suppress
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.access import Access, Caller
from service.api.errors import problem_response
from service.api.rate_headers import policy_headers, quota_headers
from service.api.route_access import AccessRule, Submits
from service.api.route_table import RouteMatch, RouteTable, canonical
from service.capacity.quotas import QuotaStatus, QuotaStore
from service.errors import MethodNotAllowedError, NotFoundError, ServiceError, UrlTooLongError
from service.intake.accept import JobSubmitter
from service.limits import TenantLimits
from service.observability.logs import tenant_context

_CALLER = "caller"
_IDENTIFIED = frozenset({Submits.IDENTIFIED_JOB, Submits.IDENTIFIED_BATCH})
_INSTANCE_CHARACTERS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """The caller, its quota, and the error that refuses the request, if there is one."""

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
        url_bytes: int,
        routes: RouteTable,
    ) -> None:
        self._app = app
        self._access = access
        self._quotas = quotas
        self._submitter = submitter
        self._policy = policy_headers(limits)
        self._url_bytes = url_bytes
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (size := _url_bytes(scope)) > self._url_bytes:
            too_long = UrlTooLongError(
                f"The URL has {size} bytes; the limit is {self._url_bytes}.",
                limit=self._url_bytes,
                actual=size,
            )
            await _refuse(too_long, RouteMatch(), scope, receive, send)
            return
        match = self._routes.find(scope)
        decision = _Decision()
        if not _is_public(match, scope):
            decision = await run_in_threadpool(self._decide, scope, match)
        headers = dict(self._policy)
        if decision.quota is not None:
            headers |= quota_headers(decision.quota)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        if decision.refusal is not None:
            await _refuse(decision.refusal, match, scope, receive, send_with_limits)
        elif match.rule is None:
            allow = {"Allow": _allow(match)}
            await Response(status_code=204, headers=allow)(scope, receive, send_with_limits)
        elif decision.caller is None:
            await self._app(canonical(scope), receive, send_with_limits)
        else:
            scope.setdefault("state", {})[_CALLER] = decision.caller
            with tenant_context(decision.caller.tenant):
                await self._app(canonical(scope), receive, send_with_limits)

    def _decide(self, scope: Scope, match: RouteMatch) -> _Decision:
        wanted = None if match.rule is None else match.rule.scope
        try:
            caller = self._access.admit(scope, wanted=wanted)
        except ServiceError as error:
            return _Decision(refusal=error)
        if match.rule is not None and match.rule.submits is not None:
            return self._decide_submission(scope, match.rule, caller)
        refusal: ServiceError | None = None
        if match.rule is None:
            refusal = MethodNotAllowedError() if match.methods else NotFoundError()
        quota: QuotaStatus | None = None
        with suppress(ServiceError):  # only submissions require Redis
            quota = self._quotas.snapshot(caller.tenant)
        return _Decision(caller=caller, quota=quota, refusal=refusal)

    def _decide_submission(self, scope: Scope, rule: AccessRule, caller: Caller) -> _Decision:
        try:
            quota = self._quotas.consume(caller.tenant)
            refusal = self._refusal(quota, rule, scope)
        except ServiceError as error:
            return _Decision(caller=caller, refusal=error)
        return _Decision(caller=caller, quota=quota, refusal=refusal)

    def _refusal(self, quota: QuotaStatus, rule: AccessRule, scope: Scope) -> ServiceError | None:
        if quota.wait:
            return quota.rate_limited()
        # A repeated request may find its existing job; that depends on the body.
        if rule.submits in _IDENTIFIED or "idempotency-key" in Headers(scope=scope):
            return None
        if rule.submits is Submits.ANALYSIS:
            return None
        # Jobs of batches and presigned uploads are counted separately.
        if not quota.free_jobs and rule.submits is Submits.JOB:
            return self._submitter.too_many_jobs(quota)
        return quota.quota_exceeded() if quota.is_spent else None


def _url_bytes(scope: Scope) -> int:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return len(raw) + len(scope.get("query_string", b""))


def _is_public(match: RouteMatch, scope: Scope) -> bool:
    if match.rule is None:  # the methods of a known path are in the public document
        return scope["method"] == "OPTIONS" and bool(match.methods)
    return match.rule.scope is None


def _allow(match: RouteMatch) -> str:
    return ", ".join(sorted(match.methods))


def caller_of(scope: Scope) -> Caller | None:
    """Return the caller of an admitted request."""
    caller: Caller | None = scope.get("state", {}).get(_CALLER)
    return caller


async def _refuse(
    error: ServiceError, match: RouteMatch, scope: Scope, receive: Receive, send: Send
) -> None:
    extra = {"Allow": _allow(match)} if isinstance(error, MethodNotAllowedError) else {}
    instance = scope["path"][:_INSTANCE_CHARACTERS]
    answer = problem_response(error, instance=instance, headers=extra)
    await answer(scope, receive, send)
