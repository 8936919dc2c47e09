"""Presigned uploads: a file goes to the bucket, and a job names it."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from fastapi import FastAPI
from redis import Redis

from service.api.app import create_app
from service.capacity.readiness import Readiness
from service.embedded.redis import RedisServer
from service.jobs.blob_stores import open_blob_store
from service.jobs.job import Job
from service.keys import ALL_SCOPES, KeyStore, Scope
from service.settings import AuthMode, Settings
from service.settings.bucket import BucketSettings
from tests.integration.service.buckets import PREFIX, keys_in, whole_bucket
from tests.integration.service.callers import PNG, ask
from tests.integration.service.models import add_identity

pytestmark = pytest.mark.integration
MakeService = Callable[..., "Service"]


class Service:
    """An API with a bucket, whose jobs nobody runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app: FastAPI = create_app(settings)
        self.services = self.app.state.services

    def ask(self, method: str, path: str, **more: Any) -> Any:
        return ask(self.app, method, path, base_url="http://127.0.0.1", **more)

    def key(self, tenant: str, *scopes: Scope) -> str:
        with closing(KeyStore.from_settings(self.settings)) as keys:
            return keys.create(tenant=tenant, scopes=frozenset(scopes) or ALL_SCOPES)[1]

    def reserve(self, content: bytes = PNG, *, key: str | None = None, **changes: Any) -> Any:
        announced = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return self.ask("POST", "/v1/uploads", json=announced | changes, key=key)

    def send(self, content: bytes = PNG, *, as_content: bytes | None = None, **options: Any) -> str:
        """Reserve an upload for the content and send it, or other bytes; return its id."""
        made = self.reserve(content, **options)
        assert made.status_code == 201, made.text
        put(made.json(), content if as_content is None else as_content)
        return str(made.json()["upload_id"])

    def submit(self, upload_id: str, *, key: str | None = None, **more: Any) -> Any:
        headers = more.pop("headers", {})
        body = {"upload_id": upload_id, "task": "identity", **more}
        return self.ask("POST", "/v1/jobs", json=body, key=key, headers=headers)

    def job(self, answer: Any) -> Job:
        assert answer.status_code == 202, answer.text
        job = self.services.jobs.store.get(answer.json()["id"])
        assert job is not None
        return job


def put(upload: dict[str, Any], content: bytes) -> None:
    headers = {**upload["headers"], "Content-Length": str(len(content))}
    sent = httpx.put(upload["url"], content=content, headers=headers, trust_env=False, timeout=60)
    sent.raise_for_status()


def problem(answer: Any) -> tuple[int, str, Any, Any]:
    body = answer.json()
    return answer.status_code, body["code"], body.get("limit"), body.get("actual")


@pytest.fixture
def make_service(
    redis_server: RedisServer,
    bucket: BucketSettings,
    upload_repository: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[MakeService]:
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    monkeypatch.setattr(Readiness, "require_servers", lambda self: None)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    made: list[Service] = []

    def make(**changes: Any) -> Service:
        given = {"auth": AuthMode.OPEN, "bucket": bucket, **changes}
        made.append(
            Service(
                Settings(redis_url=redis_server.url, model_repository=upload_repository, **given)
            )
        )
        return made[-1]

    yield make
    for service in made:
        service.services.close()
    root.handlers[:], level = before
    root.setLevel(level)


@pytest.fixture(scope="session")
def upload_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("upload_repository")
    add_identity(root, "identity")
    return root


@pytest.fixture
def service(make_service: MakeService) -> Service:
    return make_service()


def test_job_gets_the_file_and_all_that_a_form_can_say(
    service: Service, bucket: BucketSettings
) -> None:
    upload_id = service.send(content_type="image/png")
    answer = service.submit(
        upload_id, filename="holiday.png", quality=80, format="jpeg", client_metadata={"a": "b"}
    )
    job = service.job(answer)
    assert (job.filename, job.options.quality, job.client_metadata) == (
        "holiday.png",
        80,
        {"a": "b"},
    )
    assert (job.source.width, job.source.height, job.source.media_type) == (50, 40, "image/png")
    with closing(open_blob_store(service.settings)) as blobs:
        assert b"".join(blobs.open(job.source.blob) or ()) == PNG
    assert keys_in(bucket) == {f"{PREFIX}/uploads/{upload_id}", f"{PREFIX}/{job.source.blob.id}"}


def test_job_keeps_the_file_that_was_checked_whatever_is_sent_to_the_url_later(
    service: Service,
) -> None:
    upload = service.reserve().json()
    put(upload, PNG)
    job = service.job(service.submit(upload["upload_id"]))
    put(upload, b"other bytes")
    with closing(open_blob_store(service.settings)) as blobs:
        assert b"".join(blobs.open(job.source.blob) or ()) == PNG


def test_dry_run_uses_nothing_up(service: Service) -> None:
    upload_id = service.send()
    tried = service.ask(
        "POST",
        "/v1/jobs",
        json={"upload_id": upload_id, "task": "identity", "dry_run": True},
    )
    assert tried.status_code == 200, tried.text
    assert service.submit(upload_id).status_code == 202


def test_file_that_differs_from_its_announcement_is_refused(service: Service) -> None:
    longer = service.send(as_content=PNG + b"?")
    assert problem(service.submit(longer)) == (422, "upload-mismatch", len(PNG), len(PNG) + 1)
    forged = PNG[:-1] + b"?"
    other = service.send(as_content=forged)
    assert problem(service.submit(other)) == (
        422,
        "upload-mismatch",
        hashlib.sha256(PNG).hexdigest(),
        hashlib.sha256(forged).hexdigest(),
    )
    for upload_id in (longer, other):  # nothing is held by a job that was not made
        with Redis.from_url(f"{service.settings.redis_url.get_secret_value()}/1") as redis:
            assert redis.hget(f"hiir:upload:{upload_id}", "job") is None


def test_too_large_file_is_refused_before_it_is_sent(service: Service) -> None:
    limit = service.settings.limits.body_bytes
    refused = service.reserve(size=limit + 1)
    assert problem(refused) == (413, "body-too-large", limit, limit + 1)
    assert service.reserve(size=0).status_code == 400
    assert service.reserve(sha256="A" * 64).status_code == 400
    assert service.reserve(content_type="text/html").status_code == 400


def test_upload_without_its_file_can_be_used_once_it_is_there(service: Service) -> None:
    upload = service.reserve().json()
    answer = service.submit(upload["upload_id"])
    assert problem(answer) == (409, "upload-missing", None, None)
    assert (answer.json()["retryable"], answer.headers["retry-after"]) == (True, "1")
    put(upload, PNG)
    assert service.submit(upload["upload_id"]).status_code == 202


def test_upload_is_used_once(service: Service) -> None:
    upload_id = service.send()
    key = {"idempotency-key": "one"}
    first = service.submit(upload_id, headers=key)
    assert first.status_code == 202
    assert problem(service.submit(upload_id)) == (409, "upload-used", None, upload_id)
    again = service.submit(upload_id, headers=key)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["idempotent-replayed"] == "true"
    other = service.submit(service.send(), headers=key)
    assert problem(other)[:2] == (422, "idempotency-key-reused")


def test_upload_of_a_refused_job_can_be_used_again(service: Service) -> None:
    upload_id = service.send()
    assert service.submit(upload_id, task="no-such-task").status_code == 404
    assert service.submit(upload_id, region="0,0,500,500").json()["code"] == "invalid-parameter"
    assert service.submit(upload_id).status_code == 202


def test_file_is_checked_like_one_that_is_sent_with_its_job(service: Service) -> None:
    text = service.send(b"no image", content_type="image/png")
    assert problem(service.submit(text))[:2] == (415, "unsupported-image-format")
    cut = service.send(PNG[:-200])
    assert problem(service.submit(cut))[:2] == (422, "image-truncated")


def test_foreign_or_unknown_upload_is_not_found(make_service: MakeService) -> None:
    service = make_service(auth=AuthMode.KEYS)
    owner, other = service.key("owner"), service.key("other")
    upload_id = service.send(key=owner)
    unknown = (404, "upload-not-found", None, upload_id)
    assert problem(service.submit(upload_id, key=other)) == unknown
    assert problem(service.submit("0" * 32, key=owner))[:2] == (404, "upload-not-found")
    assert service.submit(upload_id, key=owner).status_code == 202
    reader = service.key("reader", Scope.READ)
    assert problem(service.reserve(key=reader))[:2] == (403, "scope-missing")
    assert problem(service.reserve())[:2] == (401, "key-missing")


def test_expired_upload_is_refused_and_its_object_goes(
    make_service: MakeService, bucket: BucketSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.uploads._KEPT_SECONDS", 0)
    service = make_service(bucket=bucket.model_copy(update={"upload_seconds": 1}))
    upload_id = service.send()
    time.sleep(1.1)
    status, code, limit, _ = problem(service.submit(upload_id))
    assert (status, code, limit) == (410, "upload-expired", 1)
    with closing(open_blob_store(service.settings)) as blobs:
        assert blobs.sweep() == 1  # type: ignore[attr-defined]
    assert not keys_in(bucket)


def test_object_that_has_gone_is_a_missing_file(service: Service, bucket: BucketSettings) -> None:
    upload_id = service.send()
    obstore.delete(whole_bucket(bucket), f"{PREFIX}/uploads/{upload_id}")
    assert problem(service.submit(upload_id))[:2] == (409, "upload-missing")


def test_tenant_has_a_number_of_open_uploads_and_a_rate(make_service: MakeService) -> None:
    service = make_service(
        auth=AuthMode.KEYS, tenants={"open_uploads": 2, "burst": 8, "submits_per_minute": 1}
    )
    key, other = service.key("busy"), service.key("other")
    used, _ = service.send(key=key), service.send(key=key)
    refused = service.reserve(key=key)
    assert problem(refused) == (429, "too-many-uploads", 2, 2)
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
    assert service.reserve(key=other).status_code == 201
    assert service.submit(used, key=key).status_code == 202
    assert service.reserve(key=key).status_code == 201
    codes = [problem(service.reserve(key=key))[1] for _ in range(4)]
    assert codes == ["too-many-uploads", "too-many-uploads", "too-many-uploads", "rate-limited"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"no json", "invalid-request"),
        (b"[1]", "invalid-request"),
        (b'{"task": "identity"}', "missing-file"),
        (b'{"upload_id": 5}', "missing-file"),
        (b'{"upload_id": "x", "filename": 5}', "invalid-parameter"),
        (b'{"upload_id": "x", "nonsense": "y"}', "unknown-parameter"),
        (b'{"upload_id": "' + b"x" * 70_000 + b'"}', "body-too-large"),
    ],
)
def test_body_that_names_no_upload_is_refused(service: Service, body: bytes, code: str) -> None:
    answer = service.ask(
        "POST",
        "/v1/jobs",
        content=body,
        headers={"content-type": "application/json"},
    )
    assert answer.json()["code"] == code


def test_service_without_a_bucket_says_how_to_send_the_file(make_service: MakeService) -> None:
    service = make_service(bucket=BucketSettings())
    for answer in (service.reserve(), service.submit("0" * 32)):
        assert problem(answer)[:2] == (404, "uploads-not-configured")
        assert "POST /v1/jobs" in answer.json()["detail"]


def test_bucket_that_is_away_is_an_unavailable_store(
    make_service: MakeService, bucket: BucketSettings
) -> None:
    service = make_service()
    upload_id = service.send()
    away = make_service(bucket=bucket.model_copy(update={"endpoint": "http://127.0.0.1:9"}))
    assert problem(away.submit(upload_id))[:2] == (503, "store-unavailable")
    assert service.submit(upload_id).status_code == 202


def test_redis_reserves_nothing_for_results_that_go_to_the_bucket(
    make_service: MakeService,
) -> None:
    for changes, reserved in (({}, False), ({"bucket": BucketSettings()}, True)):
        service = make_service(**changes)
        answer = service.ask(
            "POST",
            "/v1/jobs?task=identity",
            content=PNG,
            headers={"content-type": "image/png"},
        )
        job = service.job(answer)
        assert job.result_estimate > 0
        with Redis.from_url(f"{service.settings.redis_url.get_secret_value()}/1") as redis:
            expected = job.result_estimate if reserved else 0
            assert int(redis.get("hiir:reserved") or 0) == expected
            redis.delete("hiir:reserved")
