"""Who may use the service: keys in a real Redis, decided before one byte of a body is read."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI

from service.keys import ALL_SCOPES, KeyLimitError, KeyStore, Scope
from service.limits import MIB
from service.settings import AuthMode
from tests.integration.service.callers import MakeKey, ask, submit
from tests.integration.service.stack import ROOT, Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
PNG = write(photo(40, 50))
UPLOAD_BYTES = 64 * MIB


@pytest.fixture
def app(make_app: Callable[..., FastAPI]) -> FastAPI:
    return make_app(auth=AuthMode.KEYS)


class Upload:
    """64 MiB as a server hands them to an application, and how many of them it asked for."""

    def __init__(self) -> None:
        self.consumed = 0

    async def receive(self) -> dict[str, Any]:
        piece = bytes(MIB)
        self.consumed += len(piece)
        more = self.consumed < UPLOAD_BYTES
        return {"type": "http.request", "body": piece, "more_body": more}


def post_raw(app: FastAPI, upload: Upload, *headers: tuple[str, str]) -> dict[str, Any]:
    """Send the upload as a raw body; returns the start of the answer."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    given = [("host", "test"), ("content-type", "image/png"), *headers]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/jobs",
        "raw_path": b"/v1/jobs",
        "query_string": b"task=identity",
        "headers": [(name.encode(), value.encode()) for name, value in given],
        "client": ("203.0.113.9", 40_000),
        "server": ("test", 80),
        "scheme": "http",
    }
    asyncio.run(app(scope, upload.receive, send))
    return {**sent[0], "headers": dict(sent[0]["headers"])}


@pytest.mark.parametrize(
    "length", [("content-length", str(UPLOAD_BYTES)), ("transfer-encoding", "chunked")]
)
@pytest.mark.parametrize(("scopes", "status"), [(None, 401), ("wrong", 401), ((Scope.READ,), 403)])
def test_refused_upload_of_64_mib_is_answered_with_none_of_it_read(
    app: FastAPI, make_key: MakeKey, scopes: Any, status: int, length: tuple[str, str]
) -> None:
    headers = [length]
    if scopes is not None:
        key = f"hiir_0123456789ab_{'a' * 43}" if scopes == "wrong" else make_key("museum", *scopes)
        headers.append(("authorization", f"Bearer {key}"))
    upload = Upload()
    answer = post_raw(app, upload, *headers)
    assert (answer["status"], upload.consumed) == (status, 0)
    assert answer["headers"][b"content-type"] == b"application/problem+json"
    assert answer["headers"][b"www-authenticate"].startswith(b'Bearer realm="hiir"')
    assert answer["headers"][b"connection"] == b"close"


def test_good_key_has_its_upload_read(app: FastAPI, make_key: MakeKey) -> None:
    upload = Upload()
    answer = post_raw(app, upload, ("x-api-key", make_key("museum")))
    assert answer["status"] == 413
    assert 50 * MIB <= upload.consumed < UPLOAD_BYTES


def test_probes_and_documents_need_no_key(app: FastAPI) -> None:
    for path in ("/livez", "/readyz", "/openapi.json", "/docs", "/docs/errors"):
        assert ask(app, "GET", path).status_code == 200, path
    for path in ("/v1/tasks", "/v1/jobs", "/v1/jobs/x/result", "/nowhere"):
        answer = ask(app, "GET", path)
        assert (answer.status_code, answer.json()["code"]) == (401, "key-missing"), path
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_another_tenants_job_does_not_exist(stack: Stack, app: FastAPI, make_key: MakeKey) -> None:
    ours, theirs = make_key("museum"), make_key("archive")
    job = submit(app, ours).json()
    path = job["urls"]["self"]
    for method, tail in (
        ("GET", ""),
        ("GET", "/result"),
        ("GET", "/events"),
        ("POST", "/cancel"),
        ("DELETE", ""),
    ):
        answer = ask(app, method, path + tail, key=theirs)
        unknown = ask(app, method, f"/v1/jobs/{'0' * 32}{tail}", key=theirs)
        assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")
        assert answer.json()["detail"] == unknown.json()["detail"]
    # Nor for those who need no key, with a service of their own on the same Redis.
    assert stack.client.get(path).status_code == 404
    assert ask(app, "GET", path, key=ours).status_code == 200
    assert ask(app, "GET", "/v1/jobs", key=theirs).json()["jobs"] == []
    listed = ask(app, "GET", "/v1/jobs", key=ours).json()["jobs"]
    assert [item["id"] for item in listed] == [job["id"]]


def test_idempotency_keys_and_chosen_ids_are_each_tenants_own(
    app: FastAPI, make_key: MakeKey
) -> None:
    keys = [make_key("museum"), make_key("archive")]
    jobs = [submit(app, key, **{"idempotency-key": "holiday"}).json()["id"] for key in keys]
    assert jobs[0] != jobs[1]
    again = submit(app, keys[0], **{"idempotency-key": "holiday"})
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (jobs[0], "true")
    for key in keys:
        made = ask(
            app,
            "PUT",
            "/v1/jobs/first?task=identity",
            key=key,
            content=PNG,
            headers={"content-type": "image/png"},
        )
        assert made.status_code == 202
        assert "idempotent-replayed" not in made.headers


def test_two_keys_of_a_tenant_live_at_once_and_a_revoked_one_is_dead(
    app: FastAPI, keys: KeyStore
) -> None:
    old, old_token = keys.create(tenant="museum", scopes=ALL_SCOPES)
    _, new_token = keys.create(tenant="museum", scopes=ALL_SCOPES)
    with pytest.raises(KeyLimitError, match="museum has 2 live keys; the limit is 2"):
        keys.create(tenant="museum", scopes=ALL_SCOPES)
    job = submit(app, old_token).json()
    # Both are the tenant's: what came with one can be had with the other.
    assert ask(app, "GET", job["urls"]["self"], key=new_token).status_code == 200
    assert keys.revoke(old.id)
    answer = ask(app, "GET", job["urls"]["self"], key=old_token)
    assert (answer.status_code, answer.json()["code"]) == (401, "key-invalid")
    assert ask(app, "GET", job["urls"]["self"], key=new_token).status_code == 200
    assert not keys.revoke(old.id)
    keys.create(tenant="museum", scopes=ALL_SCOPES)


def test_a_race_for_the_last_key_has_one_winner(keys: KeyStore) -> None:
    def create(_: int) -> bool:
        try:
            keys.create(tenant="museum", scopes=ALL_SCOPES)
        except KeyLimitError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(create, range(16))) == 2
    assert len(keys.live("museum")) == 2


def test_a_key_ends_with_its_time(stack: Stack, keys: KeyStore) -> None:
    key, token = keys.create(tenant="museum", scopes=ALL_SCOPES, days=1)
    with stack.database(1) as redis:
        assert 86_000 < redis.ttl(f"hiir:key:{key.id}") <= 86_400
        assert token.rpartition("_")[2] not in str(redis.hgetall(f"hiir:key:{key.id}"))
        redis.pexpire(f"hiir:key:{key.id}", 1)
    wait_until(lambda: keys.get(key.id) is None, "the key to end")
    keys.create(tenant="museum", scopes=ALL_SCOPES)
    keys.create(tenant="museum", scopes=ALL_SCOPES)  # the ended one does not count
    assert keys.find(token) is None
    with stack.database(1) as redis:
        assert redis.hlen("hiir:keys") == 2


def test_nobody_is_let_in_while_keys_cannot_be_looked_up(
    stack: Stack, app: FastAPI, make_key: MakeKey
) -> None:
    key = make_key("museum")
    # Redis may hold back writes while the disk is busy: wait for one of this connection, and with
    # it for all before.
    database = stack.database(1)
    database.set("written", 1)
    assert database.execute_command("WAITAOF", 1, 0, 10_000)[0] == 1
    stack.redis.kill()
    answer = ask(app, "GET", "/v1/tasks", key=key)
    assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
    assert ask(app, "GET", "/livez").status_code == 200
    stack.start()
    assert ask(app, "GET", "/v1/tasks", key=key).status_code == 200


def test_keys_are_managed_from_the_command_line(stack: Stack, app: FastAPI, keys: KeyStore) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hiir.cli", "keys", *arguments],
            cwd=ROOT,
            env=dict(stack.api.environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    made = run("create", "--tenant", "museum", "--name", "scanner", "--scope", "jobs:read")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert ask(app, "GET", "/v1/jobs", key=token).status_code == 200
    assert submit(app, token).status_code == 403
    (key,) = keys.live("museum")
    shown = run("list")
    assert f"{key.id}  museum  jobs:read  from " in shown.stdout
    assert "scanner" in shown.stdout
    assert token not in shown.stdout
    assert run("revoke", key.id).returncode == 0
    again = run("revoke", key.id)
    assert (again.returncode, again.stderr) == (
        1,
        f"hiir keys: there is no live key with the id {key.id}\n",
    )
    assert ask(app, "GET", "/v1/jobs", key=token).status_code == 401


def test_an_admin_changes_the_keys_of_its_own_tenant(
    stack: Stack, app: FastAPI, keys: KeyStore, make_key: MakeKey
) -> None:
    admin, stranger = make_key("museum", Scope.ADMIN), make_key("archive", Scope.ADMIN)
    worker = make_key("library", Scope.READ, Scope.WRITE)
    assert ask(app, "GET", "/v1/keys", key=worker).json()["limit"] == "admin"
    made = ask(app, "POST", "/v1/keys?scopes=jobs:read&name=wall&days=30", key=admin)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    token, key_id = made.json()["key"], made.json()["id"]
    assert made.json()["scopes"] == ["jobs:read"]
    assert ask(app, "GET", "/v1/jobs", key=token).status_code == 200
    assert submit(app, token).json()["code"] == "scope-missing"
    assert token not in ask(app, "GET", "/v1/keys", key=admin).text
    assert len(ask(app, "GET", "/v1/keys", key=admin).json()["keys"]) == 2
    third = ask(app, "POST", "/v1/keys", key=admin)
    assert (third.status_code, third.json()["code"], third.json()["limit"]) == (
        409,
        "too-many-keys",
        2,
    )
    assert ask(app, "POST", "/v1/keys?scopes=root", key=admin).json()["code"] == "invalid-parameter"
    assert ask(app, "DELETE", f"/v1/keys/{key_id}", key=stranger).json()["code"] == "key-not-found"
    assert ask(app, "DELETE", f"/v1/keys/{key_id}", key=admin).status_code == 204
    assert ask(app, "GET", "/v1/jobs", key=token).status_code == 401
    # Where no keys are asked for they would be everybody's to make.
    assert stack.client.post("/v1/keys").json()["code"] == "open-mode"
