"""The same photo and parameters again: the result is there at once, and no model is run."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.jobs.bucket_blobs import BucketBlobStore
from service.keys import Scope
from service.limits import TenantLimits
from service.settings import AuthMode, CacheSettings, Settings
from service.settings.bucket import BucketSettings
from service.settings.webhooks import WebhookSettings
from tests.integration.service.buckets import keys_in
from tests.integration.service.callers import MakeKey, ask
from tests.integration.service.receiver import receiving
from tests.integration.service.stack import Stack, photo, read, wait_until, write

pytestmark = pytest.mark.integration
ON = CacheSettings(enabled=True)


class Caller:
    """A tenant of an API with the cache, and a photo that no other test has."""

    def __init__(self, app: FastAPI, key: str | None) -> None:
        self.app = app
        self.key = key
        self.pixels = photo(90, 120, seed=uuid.uuid4().int % 10**6)
        self.content = write(self.pixels)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return ask(self.app, method, path, key=self.key, base_url="http://127.0.0.1", **more)

    def submit(
        self, headers: dict[str, str] | None = None, content: bytes | None = None, **fields: str
    ) -> httpx.Response:
        answer = self.request(
            "POST",
            "/v1/jobs",
            data={"task": "identity", **fields} if "tasks" not in fields else fields,
            files={"file": ("p.png", content or self.content)},
            headers=headers or {},
        )
        assert answer.status_code in {200, 202}, answer.text
        return answer

    def restore(self, **fields: Any) -> dict[str, Any]:
        """Submit a photo that is no hit, and wait for its end."""
        answer = self.submit(**fields)
        assert answer.headers["cache-status"] in {"hiir; fwd=miss", "hiir; fwd=request"}
        assert not answer.json()["cached"]
        return self.ended(answer.json()["id"])

    def ended(self, job_id: str) -> dict[str, Any]:
        def look() -> Any:
            job = self.request("GET", f"/v1/jobs/{job_id}?wait=5").json()
            return job if job["status"] in {"succeeded", "failed"} else None

        job: dict[str, Any] = wait_until(look, "the job to end")
        assert job["status"] == "succeeded", job
        return job

    def is_hit(self, **fields: Any) -> bool:
        answer = self.submit(**fields)
        found: bool = answer.json()["cached"]
        assert answer.headers["cache-status"] == ("hiir; hit" if found else "hiir; fwd=miss")
        self.ended(answer.json()["id"])
        return found

    def result(self, job: dict[str, Any]) -> httpx.Response:
        return self.request("GET", f"/v1/jobs/{job['id']}/result")

    def quota(self) -> str:
        return self.request("GET", "/v1/jobs").headers["ratelimit"]


@pytest.fixture
def new_caller(make_app: Callable[..., FastAPI], make_key: MakeKey) -> Callable[..., Caller]:
    hooks = WebhookSettings(require_https=False, allowed_networks=("127.0.0.2/32",))
    limits = TenantLimits(burst=1000, concurrent_uploads=8)
    app = make_app(auth=AuthMode.KEYS, cache=ON, tenants=limits, webhooks=hooks)
    return lambda tenant="cached", *scopes: Caller(app, make_key(tenant, *scopes))


@pytest.fixture
def caller(new_caller: Callable[..., Caller]) -> Caller:
    return new_caller()


def test_second_submission_has_the_result_at_once(caller: Caller, stack: Stack) -> None:
    first = caller.restore(client_metadata='{"n": "1"}')
    before = stack.blob_keys()
    answer = caller.submit(client_metadata='{"n": "2"}')
    assert answer.status_code == 202
    assert answer.headers["cache-status"] == "hiir; hit"
    assert "retry-after" not in answer.headers
    job = answer.json()
    assert job["id"] != first["id"]
    assert job["client_metadata"] == {"n": "2"}
    assert (job["status"], job["cached"], job["attempt"]) == ("succeeded", True, 0)
    assert (job["timings"], job["started_at"]) == ({}, None)
    assert job["progress"]["percent"] == 100
    for name in ("steps", "output", "input", "options", "warnings", "model_sha256", "task"):
        assert job[name] == first[name], name
    assert caller.result(job).content == caller.result(first).content
    np.testing.assert_array_equal(read(caller.result(job).content), caller.pixels)
    for of in ("input", "result"):
        previews = [
            caller.request("GET", f"/v1/jobs/{which['id']}/preview?of={of}").content
            for which in (first, job)
        ]
        assert previews[0] == previews[1]
    assert len(stack.blob_keys() - before) == 3  # the result and two previews; no upload
    assert caller.request("GET", "/v1/jobs").json()["jobs"][0] == job


def test_second_submission_takes_less_than_50_ms(caller: Caller) -> None:
    caller.restore()
    caller.submit()  # opens what is opened on first use

    def spent() -> float:
        start = time.perf_counter()
        answer = caller.submit()
        assert answer.json()["cached"]
        return time.perf_counter() - start

    assert min(spent() for _ in range(20)) < 0.05


def test_waiting_client_gets_the_image_itself(caller: Caller) -> None:
    first = caller.restore()
    answer = caller.submit(headers={"Prefer": "wait=10", "Accept": "image/*"})
    assert (answer.status_code, answer.headers["cache-status"]) == (200, "hiir; hit")
    assert answer.content == caller.result(first).content


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "large-identity"},
        {"strength": "50"},
        {"region": "0,0,64,64"},
        {"metadata": "strip"},
        {"format": "jpeg"},
        {"quality": "50", "format": "jpeg"},
        {"task": "super-resolution", "scale": "2"},
        {"task": "super-resolution", "scale": "3"},
        {"tasks": "jpeg-artifacts,super-resolution:2"},
        {"task": "auto"},
    ],
    ids=str,
)
def test_only_the_same_request_is_a_hit(caller: Caller, fields: dict[str, str]) -> None:
    caller.restore()
    assert not caller.is_hit(**fields)
    assert caller.is_hit(**fields)
    assert caller.is_hit()
    assert not caller.is_hit(**fields, content=write(caller.pixels[:, ::-1]))


def test_two_views_are_a_hit_only_as_the_same_pair(caller: Caller) -> None:
    left, right = (write(photo(90, 120, seed=seed)) for seed in (5, 6))

    def submit(*views: bytes) -> bool:
        files = dict(zip(("file", "file_right"), (("v.png", view) for view in views), strict=False))
        answer = caller.request("POST", "/v1/jobs", data={"task": "defocus-deblur"}, files=files)
        caller.ended(answer.json()["id"])
        cached: bool = answer.json()["cached"]
        return cached

    assert [submit(left, right), submit(left, right)] == [False, True]
    assert [submit(right, left), submit(left)] == [False, False]


def test_other_tenant_never_gets_it(new_caller: Callable[..., Caller]) -> None:
    owner, other = new_caller("owner"), new_caller("other")
    owner.restore()
    other.content = owner.content
    assert not other.is_hit()
    assert owner.is_hit()


def test_every_key_of_a_tenant_gets_it(new_caller: Callable[..., Caller]) -> None:
    one, two = new_caller("museum"), new_caller("museum", Scope.WRITE, Scope.READ)
    one.restore()
    two.content = one.content
    assert two.is_hit()


def test_deleting_either_job_leaves_the_other_whole(caller: Caller) -> None:
    first = caller.restore()
    second, third = (caller.submit().json() for _ in range(2))
    for deleted in (first, third):
        answer = caller.request("DELETE", f"/v1/jobs/{deleted['id']}")
        assert answer.json()["purged"]
        assert caller.result(deleted).status_code == 410
        np.testing.assert_array_equal(read(caller.result(second).content), caller.pixels)
    for _ in range(6):
        job = caller.submit().json()
        assert job["cached"]  # of the second
        caller.request("DELETE", f"/v1/jobs/{job['id']}")


def test_it_is_gone_with_the_result(caller: Caller, stack: Stack) -> None:
    first = caller.restore()
    caller.request("DELETE", f"/v1/jobs/{first['id']}")
    assert not caller.is_hit()
    for job in caller.request("GET", "/v1/jobs").json()["jobs"]:
        with stack.database(1) as redis:  # as if an hour had passed
            redis.hset(f"hiir:job:{job['id']}", "expires_at", str(time.time() - 1))
    assert not caller.is_hit()


def test_result_whose_bytes_went_meanwhile_is_restored_again(caller: Caller, stack: Stack) -> None:
    before = stack.blob_keys()
    caller.restore()
    with stack.database(2) as redis:
        redis.delete(*(stack.blob_keys() - before))
    assert not caller.is_hit()
    assert caller.is_hit()


def test_client_can_decline_it(caller: Caller) -> None:
    caller.restore()
    answer = caller.submit(headers={"Cache-Control": "no-cache"})
    assert answer.headers["cache-status"] == "hiir; fwd=request"
    assert not answer.json()["cached"]
    caller.ended(answer.json()["id"])


def test_result_of_no_store_answers_nothing_later(caller: Caller) -> None:
    caller.restore(headers={"Cache-Control": "max-age=0, no-store"})
    assert not caller.is_hit()


def test_hit_takes_no_megapixels(caller: Caller, stack: Stack) -> None:
    first = caller.restore()

    def spent() -> int:
        (tenant,) = {stack.record(first["id"])["tenant"]}
        with stack.database(1) as redis:
            return sum(int(redis.get(key)) for key in redis.keys(f"hiir:pixels:{tenant}:*"))

    before = spent()
    assert before == 90 * 120
    assert caller.is_hit()
    assert spent() == before


def test_dry_run_tells_of_a_hit(caller: Caller) -> None:
    plan = caller.submit(dry_run="true").json()
    assert (plan["cached"], plan["megapixels"]) == (False, 0.0108)
    caller.restore()
    plan = caller.submit(dry_run="true").json()
    assert (plan["cached"], plan["megapixels"], plan["tiles"]) == (True, 0, 0)
    assert (plan["seconds"], plan["wait_seconds"]) == (0, 0)
    declined = caller.submit(dry_run="true", headers={"Cache-Control": "no-cache"}).json()
    assert not declined["cached"]


def test_repeated_request_gets_its_own_job_again(caller: Caller) -> None:
    caller.restore()
    made = [caller.submit(headers={"Idempotency-Key": "again"}) for _ in range(2)]
    assert made[0].json()["cached"]
    assert made[0].json() == made[1].json()
    assert made[1].headers["idempotent-replayed"] == "true"
    assert "cache-status" not in made[1].headers
    put = [
        caller.request(
            "PUT",
            "/v1/jobs/holiday-17",
            data={"task": "identity"},
            files={"file": ("p.png", caller.content)},
        ).json()
        for _ in range(2)
    ]
    assert put[0]["cached"]
    assert put[0] == put[1]
    assert put[0]["id"] == "holiday-17"


def test_files_of_a_batch_are_hits_too(caller: Caller) -> None:
    caller.restore()
    new = write(photo(80, 70, seed=3))

    def submit() -> dict[str, Any]:
        files = [("file", ("a.png", caller.content)), ("file", ("b.png", new))]
        made = caller.request("POST", "/v1/batches", data={"task": "identity"}, files=files).json()

        def look() -> Any:
            batch = caller.request("GET", f"/v1/batches/{made['id']}").json()
            return batch if batch["counts"]["succeeded"] == 2 else None

        batch: dict[str, Any] = wait_until(look, "the batch to end")
        return batch

    def cached(batch: dict[str, Any]) -> list[bool]:
        jobs = [caller.ended(item["job_id"]) for item in batch["items"]]
        return [job["cached"] for job in jobs]

    first = submit()
    assert cached(first) == [True, False]
    second = submit()
    assert cached(second) == [True, True]
    archive = caller.request("GET", f"/v1/batches/{second['id']}/results.zip")
    assert archive.status_code == 200
    assert len(archive.content) > len(new)


def test_hit_sends_its_webhook_and_its_event(caller: Caller, stack: Stack) -> None:
    first = caller.restore()
    with receiving() as receiver:
        if stack.webhooks.process is None:
            stack.webhooks.start()
        job = caller.submit(webhook_url=receiver.url, webhook_events="started,completed").json()
        wait_until(lambda: receiver.received, "the webhook")
    (body,) = receiver.bodies()
    assert body["type"] == "job.completed"
    assert (body["data"]["id"], body["data"]["cached"]) == (job["id"], True)
    stream = caller.request("GET", f"/v1/jobs/{job['id']}/events").text
    assert stream.count("event: completed") == 1
    assert first["id"] != job["id"]


def test_crowd_of_the_same_request_gets_the_same_result(caller: Caller) -> None:
    first = caller.restore()
    with ThreadPoolExecutor(8) as threads:
        jobs = list(threads.map(lambda _: caller.submit().json(), range(24)))
    assert all(job["cached"] for job in jobs)
    assert len({job["id"] for job in jobs}) == 24
    results = {caller.result(job).content for job in jobs}
    assert results == {caller.result(first).content}


def test_outcomes_are_counted(caller: Caller) -> None:
    registry = caller.app.state.services.metrics.server._registry

    def counted(name: str, **labels: str) -> float:
        return float(registry.get_sample_value(name, labels) or 0)

    def outcomes() -> list[float]:
        name = "hiir_result_cache_total"
        return [counted(name, outcome=outcome) for outcome in ("hit", "miss", "bypass")]

    assert outcomes() == [0, 0, 0]
    caller.restore()
    caller.submit()
    caller.restore(headers={"Cache-Control": "no-cache"})
    assert outcomes() == [1, 1, 1]
    states = {
        state: counted("hiir_jobs_total", task="identity", state=state, code="")
        for state in ("queued", "succeeded")
    }
    assert states == {"queued": 3, "succeeded": 1}  # the worker counts the other two


def test_without_the_cache_every_job_runs(
    make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    caller = Caller(make_app(auth=AuthMode.KEYS), make_key("plain"))
    for _ in range(2):
        answer = caller.submit()
        assert "cache-status" not in answer.headers
        assert not caller.ended(answer.json()["id"])["cached"]


def test_results_in_a_bucket_are_hits_too(
    stack: Stack, bucket: BucketSettings, bucket_worker: None, make_app: Callable[..., FastAPI]
) -> None:
    caller = Caller(make_app(bucket=bucket, cache=ON), None)
    first = caller.restore()
    second = caller.submit().json()
    assert second["cached"]
    caller.request("DELETE", f"/v1/jobs/{first['id']}")
    with closing(
        BucketBlobStore.from_settings(Settings(redis_url=stack.redis_url, bucket=bucket))
    ) as blobs:
        blobs.sweep()
    np.testing.assert_array_equal(read(caller.result(second).content), caller.pixels)
    assert len(keys_in(bucket)) == 3

    announced = {"size": len(caller.content), "sha256": sha256(caller.content).hexdigest()}
    with httpx.Client(trust_env=False, timeout=60) as outside:  # a presigned upload of the same
        upload = caller.request("POST", "/v1/uploads", json=announced).json()
        outside.put(upload["url"], content=caller.content, headers=upload["headers"])
    body = {"upload_id": upload["upload_id"], "task": "identity", "filename": "p.png"}
    assert caller.request("POST", "/v1/jobs", json=body).json()["cached"]
