"""One client too eager is told so, and when to come back; in a real Redis, exactly."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI

from service.capacity.job_work import JobWork, TileWork
from service.capacity.quotas import QuotaStore
from service.capacity.throughput import ThroughputStore
from service.errors import StoreFaultError
from service.limits import Limits, TenantLimits
from service.settings import AuthMode, Settings
from tests.integration.service.callers import PNG, MakeKey, ask, submit
from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
TENANT = "limits-of-the-bucket"


def tenant_app(make_app: Callable[..., FastAPI], **limits: int) -> FastAPI:
    return make_app(auth=AuthMode.KEYS, tenants=TenantLimits(**limits))


@pytest.fixture
def open_quotas(stack: Stack) -> Iterator[Callable[..., QuotaStore]]:
    with contextlib.ExitStack() as cleanup:

        def open_one(**limits: int) -> QuotaStore:
            settings = Settings(redis_url=stack.redis_url, tenants=TenantLimits(**limits))
            return cleanup.enter_context(contextlib.closing(QuotaStore.from_settings(settings)))

        with stack.database(1) as redis:
            redis.delete(f"hiir:bucket:{TENANT}")
        yield open_one


def test_a_crowd_gets_the_burst_and_not_one_more(open_quotas: Callable[..., QuotaStore]) -> None:
    quotas = open_quotas(submits_per_minute=1, burst=20)
    with ThreadPoolExecutor(16) as threads:
        statuses = list(threads.map(lambda _: quotas.consume(TENANT), range(50)))
    assert sum(not status.wait for status in statuses) == 20
    assert all(0 < status.wait <= 60 for status in statuses if status.wait)
    assert quotas.snapshot(TENANT).tokens < 1


def test_the_bucket_fills_by_the_rate_and_to_the_brim(
    stack: Stack, open_quotas: Callable[..., QuotaStore]
) -> None:
    quotas = open_quotas(submits_per_minute=60, burst=3)
    for _ in range(3):
        assert not quotas.consume(TENANT).wait
    assert 0 < quotas.consume(TENANT).wait <= 1
    bucket = f"hiir:bucket:{TENANT}"
    with stack.database(1) as redis:
        redis.hincrbyfloat(bucket, "at", -1.5)  # as if so many seconds had passed
        assert not quotas.consume(TENANT).wait
        assert quotas.consume(TENANT).wait
        redis.hincrbyfloat(bucket, "at", -1000)
        assert quotas.snapshot(TENANT).tokens == 3
        assert redis.ttl(bucket) <= 4  # a full bucket is no bucket: nothing is left of it


def test_every_answer_tells_the_limits_and_too_many_submissions_are_put_off(
    make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    app = tenant_app(make_app, submits_per_minute=1, burst=2)
    key = make_key("museum")
    answers = [submit(app, key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    refused = answers[-1]
    assert (refused.json()["code"], refused.json()["limit"]) == ("rate-limited", 1)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith('"submits";r=0;t=')
    # Nobody else waits for it, and reading is free.
    assert submit(app, make_key("archive")).status_code == 202
    for path in ("/v1/jobs", "/v1/nowhere"):
        answer = ask(app, "GET", path, key=key)
        assert answer.status_code != 429
        assert answer.headers["ratelimit-policy"].startswith('"submits";q=1;w=60;burst=2, "jobs"')
        assert answer.headers["ratelimit-limit"] == "2"
    assert ask(app, "GET", "/readyz").status_code == 200


def test_jobs_at_once_are_counted_from_their_making_to_their_end(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    stack.worker.kill()
    app = tenant_app(make_app, open_jobs=2)
    key = make_key("museum")
    first, second, third = (submit(app, key) for _ in range(3))
    assert (first.status_code, second.status_code, third.status_code) == (202, 202, 429)
    assert (third.json()["code"], third.json()["limit"], third.json()["actual"]) == (
        "too-many-jobs",
        2,
        2,
    )
    assert int(third.headers["retry-after"]) >= 1
    assert '"jobs";r=0' in third.headers["ratelimit"]
    # A submission that is sent again finds its job; a new one with a key is refused no later.
    keyed = {"idempotency-key": "again"}
    assert submit(app, key, **keyed).json()["code"] == "too-many-jobs"
    ask(app, "POST", first.json()["urls"]["cancel"], key=key)
    made = submit(app, key, **keyed)
    assert made.status_code == 202
    assert submit(app, key, **keyed).headers["idempotent-replayed"] == "true"
    stack.start()
    for job in (second, made):
        path = job.json()["urls"]["self"]
        wait_until(
            lambda path=path: ask(app, "GET", path, key=key).json()["status"] == "succeeded",
            "the job to end",
        )
    assert '"jobs";r=2' in ask(app, "GET", "/v1/jobs", key=key).headers["ratelimit"]


def test_a_race_for_the_last_places_is_won_by_as_many_as_there_are(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    stack.worker.kill()
    app = tenant_app(make_app, open_jobs=3, burst=100)
    key = make_key("museum")
    ready = threading.Barrier(12)

    def send(number: int) -> int:
        ready.wait()
        answer = submit(app, key, **{"idempotency-key": f"race-{number}"})
        return int(answer.status_code)

    before = stack.blob_keys()
    with ThreadPoolExecutor(12) as threads:
        codes = sorted(threads.map(send, range(12)))
    assert codes == [202] * 3 + [429] * 9
    assert len(stack.blob_keys() - before) == 3  # nothing is left of those that were refused
    for job in ask(app, "GET", "/v1/jobs", key=key).json()["jobs"]:
        ask(app, "DELETE", job["urls"]["self"], key=key)


def test_megapixels_of_a_day_are_counted_and_given_back_if_nothing_came_of_it(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    app = tenant_app(make_app, megapixels_per_day=1)
    key = make_key("museum")
    large = write(photo(800, 1000))

    def send(content: bytes) -> object:
        kind = {"content-type": "image/png"}
        path = "/v1/jobs?task=identity"
        return ask(app, "POST", path, key=key, content=content, headers=kind)

    services = app.state.services
    publish, services.submission.submitter._queue = services.submission.submitter._queue, Broken()
    assert send(large).status_code == 500
    services.submission.submitter._queue = publish
    assert send(large).status_code == 202
    refused = send(large)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "quota-exceeded")
    assert (problem["limit"], problem["actual"]) == (1, 2)
    assert 1 <= int(refused.headers["retry-after"]) <= 86_400
    assert '"megapixels";r=0;t=' in refused.headers["ratelimit"]
    assert submit(app, key).status_code == 202  # a small one still fits


def test_the_wait_of_one_tenant_does_not_refuse_another(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    stack.worker.kill()
    app = make_app(auth=AuthMode.KEYS, limits=Limits(predicted_wait_seconds=600))
    many, few = make_key("many"), make_key("few")
    with stack.database(1) as redis:
        paces = redis.hgetall("hiir:paces")
        redis.delete("hiir:paces", "hiir:workers")
    form = {"data": {"task": "identity"}}
    files = [("file", ("a.png", PNG)) for _ in range(20)]

    def send(key: str, count: int) -> Any:
        return ask(app, "POST", "/v1/batches", key=key, files=files[:count], **form)

    app.state.services.jobs.store.beat("absent", seconds=60, slots=2)
    try:
        first = send(many, 20).json()
        sha = stack.record(first["items"][0]["job_id"])["model_sha256"]
        with stack.database(1) as redis:  # 100 seconds for each of the photos
            redis.hset("hiir:paces", sha, 100 * 1e6 / (40 * 50))
        refused = wait_until(
            lambda: (got := send(many, 1)).status_code == 503 and got, "the backlog to be read"
        )
        assert refused.json()["code"] == "wait-too-long"
        assert refused.json()["actual"] >= 1900
        assert send(few, 1).status_code == 202, "it waits for two of the others"
        assert submit(app, many).status_code == 202, "interactive jobs do not wait for batches"
    finally:
        for key in (many, few):
            for job in ask(app, "GET", "/v1/jobs", key=key).json()["jobs"]:
                ask(app, "POST", job["urls"]["cancel"], key=key)
        with stack.database(1) as redis:
            redis.delete("hiir:paces", "hiir:workers")
            if paces:
                redis.hset("hiir:paces", mapping=paces)


class Broken:
    """A queue that takes nothing."""

    def publish(self) -> None:
        raise StoreFaultError("Broken.")


def test_too_long_a_wait_is_told_before_it_begins(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    app = make_app(
        auth=AuthMode.KEYS, limits=Limits(predicted_wait_seconds=600), tenants=TenantLimits()
    )
    key = make_key("museum")
    path = "/v1/jobs?task=slow-identity"
    kind = {"content-type": "image/png"}
    content = write(photo(250, 350))
    with stack.database(1) as redis:
        paces = redis.hgetall("hiir:paces")
    job = ask(app, "POST", path, key=key, content=content, headers=kind).json()
    try:
        wait_until(lambda: stack.record(job["id"])["status"] == "running", "the job to run")
        with contextlib.closing(
            ThroughputStore.from_settings(Settings(redis_url=stack.redis_url))
        ) as p:
            work = JobWork(
                steps=(TileWork(model_sha256=job["model_sha256"], any_size=False, pixels=1),),
                read_format="png",
                read_pixels=1,
                written_format="png",
                written_pixels=1,
            )
            for _ in range(40):  # an hour for each of its pixels
                p.record(work, image_pixels=[1], steps=[3600], read=0, written=0)
        refused = wait_until(
            lambda: (
                (got := ask(app, "POST", path, key=key, content=content, headers=kind)).status_code
                == 503
                and got
            ),
            "the backlog to be looked at again",
            pause_s=0.5,
        )
        assert refused.json()["code"] == "wait-too-long"
        assert refused.json()["limit"] == 600
        assert refused.json()["actual"] > 600
        assert int(refused.headers["retry-after"]) == 3600  # an hour at most
        assert ask(app, "GET", "/readyz").status_code == 200
    finally:
        for made in ask(app, "GET", "/v1/jobs", key=key).json()["jobs"]:
            ask(app, "DELETE", made["urls"]["self"], key=key)
        with stack.database(1) as redis:
            redis.delete("hiir:paces")
            if paces:
                redis.hset("hiir:paces", mapping=paces)
