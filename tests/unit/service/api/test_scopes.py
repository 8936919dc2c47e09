"""Each route of the real application with each scope, under every way to write its path.

The expected scopes are written down here a second time on purpose: a route that is added without
one, or with a weaker one, fails.
"""

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI

from service.api.app import create_app
from service.capacity.quotas import QuotaStatus, QuotaStore
from service.keys import ApiKey, KeyStore, Scope
from service.limits import TenantLimits
from service.settings import AuthMode, Settings

PUBLIC, READ, WRITE, ADMIN = None, Scope.READ, Scope.WRITE, Scope.ADMIN
EXPECTED = {
    ("GET", "/livez"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/docs"): PUBLIC,
    ("GET", "/docs/errors"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/page/app.js"): PUBLIC,
    ("GET", "/v1/tasks"): READ,
    ("GET", "/v1/jobs"): READ,
    ("GET", "/v1/jobs/{job_id}"): READ,
    ("GET", "/v1/jobs/{job_id}/events"): READ,
    ("GET", "/v1/events"): READ,
    ("GET", "/v1/batches/{batch_id}/events"): READ,
    ("GET", "/v1/jobs/{job_id}/result"): READ,
    ("GET", "/v1/jobs/{job_id}/preview"): READ,
    ("POST", "/v1/jobs/{job_id}/links"): READ,
    ("GET", "/v1/results/{token}"): PUBLIC,
    ("GET", "/v1/jobs/{job_id}/deliveries"): READ,
    ("GET", "/v1/batches"): READ,
    ("GET", "/v1/batches/{batch_id}"): READ,
    ("GET", "/v1/batches/{batch_id}/results.zip"): READ,
    ("POST", "/v1/analyses"): WRITE,
    ("POST", "/v1/jobs"): WRITE,
    ("POST", "/v1/uploads"): WRITE,
    ("PUT", "/v1/jobs/{job_id}"): WRITE,
    ("POST", "/v1/jobs/{job_id}/cancel"): WRITE,
    ("DELETE", "/v1/jobs/{job_id}"): WRITE,
    ("POST", "/v1/jobs/{job_id}/deliveries/{delivery_id}/redeliver"): WRITE,
    ("POST", "/v1/batches"): WRITE,
    ("PUT", "/v1/batches/{batch_id}"): WRITE,
    ("POST", "/v1/batches/{batch_id}/retry-failed"): WRITE,
    ("GET", "/v1/batches/{batch_id}/deliveries"): READ,
    ("POST", "/v1/batches/{batch_id}/deliveries/{delivery_id}/redeliver"): WRITE,
    ("POST", "/v1/batches/{batch_id}/cancel"): WRITE,
    ("DELETE", "/v1/batches/{batch_id}"): WRITE,
    ("GET", "/v1/webhooks/secret"): WRITE,
    ("POST", "/v1/webhooks/secret/rotate"): WRITE,
    ("GET", "/v2/health/live"): PUBLIC,
    ("GET", "/v2/health/ready"): PUBLIC,
    ("GET", "/v2"): READ,
    ("GET", "/v2/models/{task}"): READ,
    ("GET", "/v2/models/{task}/ready"): READ,
    ("POST", "/v2/models/{task}/infer"): WRITE,
    ("GET", "/v1/keys"): ADMIN,
    ("POST", "/v1/keys"): ADMIN,
    ("DELETE", "/v1/keys/{key_id}"): ADMIN,
}
SUBMISSIONS = {
    ("POST", "/v1/analyses"),
    ("POST", "/v1/uploads"),
    ("POST", "/v1/jobs"),
    ("PUT", "/v1/jobs/{job_id}"),
    ("POST", "/v2/models/{task}/infer"),
    ("POST", "/v1/batches"),
    ("PUT", "/v1/batches/{batch_id}"),
    ("POST", "/v1/batches/{batch_id}/retry-failed"),
}
INCLUDED = {READ: {READ}, WRITE: {WRITE}, ADMIN: {READ, WRITE, ADMIN}}
SPELLINGS = {
    "plain": lambda path: path,
    "trailing slash": lambda path: path + "/",
    "trailing slashes": lambda path: path + "//",
    "encoded letter": lambda path: path[:-1] + f"%{ord(path[-1]):02X}",
    "encoded slash": lambda path: re.sub("(?<=/v[12])/", "%2F", path),
    "encoded trailing slash": lambda path: path + "%2F",
}
DEPLOYMENTS = ("plain", "root path", "mounted")


@pytest.fixture
def quota_reads(monkeypatch):
    """The reads of a tenant's quota by `QuotaStore`: `consume` for each counted submission."""
    reads = []
    quota = QuotaStatus(
        limits=TenantLimits(), tokens=5.0, wait=0.0, open_jobs=0, pixels=0, day_left=60
    )
    for name in ("consume", "snapshot"):
        monkeypatch.setattr(
            QuotaStore, name, lambda self, tenant, name=name: reads.append(name) or quota
        )
    return reads


@pytest.fixture
def tokens(monkeypatch):
    """A key for each scope alone."""
    made = {
        scope: ApiKey.make(
            tenant="museum", scopes=frozenset({scope}), name="", created_at=0.0, expires_at=None
        )
        for scope in Scope
    }
    monkeypatch.setattr(
        KeyStore,
        "find",
        lambda self, token: next((key for key, _ in made.values() if key.matches(token)), None),
    )
    return {scope: token for scope, (_, token) in made.items()}


@pytest.fixture
def app(unused_port, quota_reads, tokens):
    settings = Settings(
        auth=AuthMode.KEYS,
        redis_url=f"redis://127.0.0.1:{unused_port}",
        triton_url=f"127.0.0.1:{unused_port}",
        model_repository="model_repository",
    )
    made = create_app(settings)
    yield made
    made.state.services.close()


def ask(app, requests, *, deployment="plain"):
    """Answer requests `(method, path, token or None)` of one deployment, in order."""

    async def send_all():
        root_path, outer = "", app
        if deployment == "mounted":
            outer = FastAPI()
            outer.mount("/api", app)
        elif deployment == "root path":
            root_path = "/api"  # the server puts the prefix into `path` as well, like uvicorn
        prefix = "" if deployment == "plain" else "/api"
        transport = httpx.ASGITransport(outer, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [
                await client.request(
                    method, prefix + path, headers={"X-API-Key": token} if token else {}
                )
                for method, path, token in requests
            ]

    return asyncio.run(send_all())


def fill(path):
    # An unknown task is a 404 of the route itself.
    return path.replace("{task}", "denoise").replace("{", "").replace("}", "")


def test_the_table_of_this_test_has_every_route_of_the_application(app):
    document = app.openapi()
    documented = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    own = {("GET", path) for path in ("/docs", "/openapi.json", "/page/app.js")}
    assert documented | own == EXPECTED.keys()
    for (method, path), scope in EXPECTED.items():
        if (method, path) not in own:
            operation = document["paths"][path][method.lower()]
            assert operation.get("x-required-scope") == scope


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_route_is_closed_to_every_scope_but_its_own(app, tokens, deployment, spelling):
    requests, wanted = [], []
    for (method, path), scope in EXPECTED.items():
        methods = (method, "HEAD") if method == "GET" else (method,)
        for asked in methods:
            for has in (None, *Scope):
                token = None if has is None else tokens[has]
                requests.append((asked, SPELLINGS[spelling](fill(path)), token))
                wanted.append((scope, has))
    answers = ask(app, requests, deployment=deployment)
    for (method, path, _), (scope, has), answer in zip(requests, wanted, answers, strict=True):
        what = f"{method} {path} requires {scope}, has {has}: {answer.status_code}"
        if scope is not None and has is None:
            assert answer.status_code == 401, what
        elif scope is not None and scope not in INCLUDED[has]:
            assert answer.status_code == 403, what
        else:  # let in: the route itself may find no store, or want parameters
            assert answer.status_code not in {401, 403, 404, 405, 307}, what


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@pytest.mark.parametrize(
    "path",
    [
        "//v1/keys",
        "/v1//keys",
        "/v1/keys/%2E%2E/tasks",
        "/v1/%2E/keys",
        "/V1/keys",
        "/nowhere",
        "/page",
    ],
)
def test_a_path_without_a_route_is_closed_without_a_key_and_reaches_nothing(
    app, tokens, deployment, path
):
    without, *others = ask(
        app,
        [("GET", path, None), *(("GET", path, token) for token in tokens.values())],
        deployment=deployment,
    )
    assert without.status_code in {401, 404}
    assert {answer.status_code for answer in others} <= {403, 404}
    assert not any("keys" in answer.text and answer.is_success for answer in others)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_options_and_405_name_every_method_of_the_path(app, tokens, deployment):
    for path in {path for _, path in EXPECTED}:
        methods = {method for method, other in EXPECTED if other == path} | {"OPTIONS"}
        methods |= {"HEAD"} if "GET" in methods else set()
        options, wrong = ask(
            app,
            [("OPTIONS", fill(path), None), ("PATCH", fill(path), tokens[READ])],
            deployment=deployment,
        )
        assert (options.status_code, wrong.status_code) == (204, 405), path
        assert set(options.headers["allow"].split(", ")) == methods
        assert set(wrong.headers["allow"].split(", ")) == methods
        assert wrong.json()["code"] == "method-not-allowed"


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_submission_is_counted_once_under_every_spelling(
    app, tokens, quota_reads, deployment, spelling
):
    for (method, path), scope in EXPECTED.items():
        if scope is PUBLIC:
            continue
        quota_reads.clear()
        token = tokens[scope]
        ask(app, [(method, SPELLINGS[spelling](fill(path)), token)], deployment=deployment)
        submits = (method, path) in SUBMISSIONS
        assert quota_reads == ["consume" if submits else "snapshot"], f"{method} {path}"


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_liveness_is_open_and_unlimited(app, quota_reads, deployment):
    answers = ask(app, [("GET", "/livez", None), ("HEAD", "/livez", None)], deployment=deployment)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (answers[0].json(), answers[1].content) == ({"status": "alive"}, b"")
    assert quota_reads == []
