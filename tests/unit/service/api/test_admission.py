"""A refusal comes before the body: nobody's bytes are read for nothing."""

import asyncio
import json

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from service.api.access import Caller
from service.api.admission import AdmissionMiddleware, caller_of
from service.api.route_table import RouteTable
from service.api.routes import batches, health, jobs, tasks
from service.capacity.quotas import QuotaStatus
from service.errors import KeyMissingError, StoreUnavailableError
from service.limits import TenantLimits
from service.observability.logs import JsonFormatter
from tests.unit.service.observability.test_logs import record

LIMITS = TenantLimits()
ROUTES = RouteTable(
    route for module in (batches, health, jobs, tasks) for route in module.router.routes
)


class Refusing:
    def admit(self, connection, *, wanted):
        raise KeyMissingError("No.")


class Admitting:
    def admit(self, connection, *, wanted):
        return Caller(tenant="museum", key_id="k")


class Quotas:
    """A tenant's quota, and how it was asked for."""

    def __init__(self, **changes):
        values = {"tokens": 5.0, "wait": 0.0, "open_jobs": 0, "pixels": 0, "day_left": 60}
        self.quota = QuotaStatus(limits=LIMITS, **{**values, **changes})
        self.asked = []
        self.error = None

    def consume(self, tenant):
        return self._answer("consume", tenant)

    def snapshot(self, tenant):
        return self._answer("snapshot", tenant)

    def _answer(self, how, tenant):
        self.asked.append((how, tenant))
        if self.error is not None:
            raise self.error
        return self.quota


class JobSubmitter:
    def too_many_jobs(self, quota):
        return quota.too_many_jobs(pause=7)


def make(app=None, access=None, quotas=None):
    return AdmissionMiddleware(
        app or Starlette(),
        access=access or Admitting(),
        quotas=quotas or Quotas(),
        submitter=JobSubmitter(),
        limits=LIMITS,
        url_bytes=8192,
        routes=ROUTES,
    )


def serve(app, path="/v1/jobs", method="POST", **headers):
    """Answer one request; returns its start, its body, and the number of bytes received."""
    sent, received = [], 0

    async def receive():
        nonlocal received
        received += 1024
        return {"type": "http.request", "body": bytes(1024), "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }
    asyncio.run(app(scope, receive, send))
    start = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], start, sent[1]["body"], received


def test_a_refused_upload_is_answered_unread():
    app = make(access=Refusing())
    status, headers, body, received = serve(app, content_length="67108864")
    assert (status, received) == (401, 0)
    assert headers["content-type"] == "application/problem+json"
    assert headers["www-authenticate"].startswith("Bearer")
    assert json.loads(body)["code"] == "key-missing"


def test_what_is_public_is_neither_asked_for_a_key_nor_held_to_a_limit():
    quotas = Quotas(wait=9.0)
    status, headers, _, _ = serve(make(access=Refusing(), quotas=quotas), "/livez", "GET")
    assert (status, quotas.asked) == (404, [])  # of the application behind
    assert "ratelimit-policy" in headers


def test_who_is_let_in_is_known_to_the_route_and_the_log():
    seen = []

    async def app(scope, receive, send):
        line = json.loads(JsonFormatter().format(record()))
        seen.append((caller_of(scope).tenant, line["tenant"]))
        await PlainTextResponse("")(scope, receive, send)

    serve(make(app))
    assert seen == [("museum", "museum")]
    assert "tenant" not in json.loads(JsonFormatter().format(record()))


@pytest.mark.parametrize(
    ("method", "path", "submits"),
    [
        ("POST", "/v1/jobs", True),
        ("PUT", "/v1/jobs/mine", True),
        ("POST", "/v1/batches", True),
        ("POST", "/v1/batches/b/retry-failed", True),
        ("GET", "/v1/jobs", False),
        ("POST", "/v1/jobs/mine/cancel", False),
        ("DELETE", "/v1/jobs/mine", False),
    ],
)
def test_only_what_makes_jobs_is_counted(method, path, submits):
    quotas = Quotas()
    _, headers, _, _ = serve(make(quotas=quotas), path, method)
    assert quotas.asked == [("consume" if submits else "snapshot", "museum")]
    assert headers["ratelimit-remaining"] == "5"


@pytest.mark.parametrize(
    ("changes", "code", "pause"),
    [
        ({"wait": 2.5}, "rate-limited", "3"),
        ({"open_jobs": 10}, "too-many-jobs", "7"),
        ({"pixels": 2_000_000_000}, "quota-exceeded", "60"),
    ],
)
def test_who_is_beyond_a_limit_is_told_so_unread_with_what_is_left(changes, code, pause):
    app = make(quotas=Quotas(**changes))
    status, headers, body, received = serve(app, content_length="67108864")
    assert (status, json.loads(body)["code"], received) == (429, code, 0)
    assert headers["retry-after"] == pause
    assert {"ratelimit", "ratelimit-policy", "ratelimit-reset"} <= headers.keys()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [("PUT", "/v1/jobs/mine", {}), ("POST", "/v1/jobs", {"idempotency_key": "k"})],
)
def test_what_may_be_sent_again_is_let_in_to_find_its_job(method, path, headers):
    app = make(quotas=Quotas(open_jobs=10))
    assert serve(app, path, method, **headers)[0] == 404  # of the application behind


def test_without_redis_only_a_submission_is_refused():
    quotas = Quotas()
    quotas.error = StoreUnavailableError("Away.")
    app = make(quotas=quotas)
    assert serve(app)[0] == 503
    status, headers, _, _ = serve(app, "/v1/tasks", "GET")
    assert status == 404  # of the application behind
    assert "ratelimit" not in headers


def test_what_no_route_takes_is_answered_without_the_application_behind():
    async def app(scope, receive, send):
        pytest.fail("the application was reached")

    quotas = Quotas()
    unknown, _, body, _ = serve(make(app, quotas=quotas), "/nowhere", content_length="0")
    assert (unknown, json.loads(body)["code"]) == (404, "not-found")
    wrong, headers, body, _ = serve(make(app, quotas=quotas), "/v1/jobs", "PATCH")
    assert (wrong, json.loads(body)["code"]) == (405, "method-not-allowed")
    assert headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert quotas.asked == [("snapshot", "museum")] * 2
    assert "ratelimit" in headers


@pytest.mark.parametrize("path", ["/v1/jobs", "/livez"])
def test_a_url_that_is_too_long_is_refused_before_everything_else(path):
    async def app(scope, receive, send):
        pytest.fail("the application was reached")

    long_path = path + "/" + "a" * 8192
    status, _, body, received = serve(make(app), long_path, content_length="5")
    problem = json.loads(body)
    assert (status, problem["code"], received) == (414, "url-too-long", 0)
    assert (problem["limit"], problem["actual"]) == (8192, len(long_path))
    assert len(body) < 4096
