"""Interactive jobs beside batches, and tenants beside each other; the worker has two slots."""

import base64
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from fastapi import FastAPI

from service.limits import TenantLimits
from service.settings import AuthMode
from tests.integration.service.callers import MakeKey, ask
from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
TIMES = ("created_at", "finished_at")
SMALL = write(photo(40, 50))
LARGE = write(photo(250, 350))
"""Of the slow model: some seconds."""


def at(job: dict[str, Any], name: str) -> float:
    return datetime.fromisoformat(job[name]).timestamp()


def test_small_photos_start_at_once_beside_a_batch_of_large_ones(stack: Stack) -> None:
    files = [("file", ("a.png", LARGE)) for _ in range(100)]
    answer = stack.client.post("/v1/batches", data={"task": "slow-identity"}, files=files)
    assert answer.status_code == 202, answer.text
    batch = answer.json()
    try:

        def running() -> list[dict[str, Any]]:
            items = stack.client.get(batch["urls"]["self"]).json()["items"]
            return [item for item in items if item["status"] == "running"]

        wait_until(running, "the batch to run")
        for _ in range(5):
            job = stack.wait_end(stack.submit(SMALL, "identity")["id"])
            assert job["status"] == "succeeded"
            assert at(job, "started_at") - at(job, "created_at") < 2
            assert len(running()) <= 1, "one of the two slots is kept"
    finally:
        stack.client.post(batch["urls"]["cancel"])


def test_a_job_of_priority_batch_waits_behind_those_of_batches(stack: Stack) -> None:
    stack.worker.kill()
    first = stack.submit(SMALL, "identity", priority="batch")
    second = stack.submit(SMALL, "identity", priority="batch")
    urgent = stack.submit(SMALL, "identity")
    assert [job["priority"] for job in (first, urgent)] == ["batch", "interactive"]
    assert [job["queue_position"] for job in (first, second, urgent)] == [0, 1, 0]
    stack.client.post(first["urls"]["cancel"])
    assert stack.job(second["id"])["queue_position"] == 0
    stack.start()
    for job in (second, urgent):
        assert stack.wait_end(job["id"])["status"] == "succeeded"


def test_an_unknown_priority_is_refused(stack: Stack) -> None:
    for where in ({"params": {"priority": "urgent"}}, {"data": {"priority": "urgent"}}):
        fields = {"task": "identity", **where.get("data", {})}
        answer = stack.client.post(
            "/v1/jobs", data=fields, files={"file": SMALL}, params=where.get("params")
        )
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "invalid-parameter")
        assert problem["actual"] == "urgent"
    batch = stack.client.post(
        "/v1/batches", data={"task": "identity", "priority": "batch"}, files={"file": SMALL}
    )
    assert (batch.status_code, batch.json()["code"]) == (422, "unknown-parameter")


def test_a_tenant_with_few_jobs_does_not_wait_for_one_with_many(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    limits = TenantLimits(open_batch_jobs=1000, burst=1000, megapixels_per_day=100_000)
    app = make_app(auth=AuthMode.KEYS, tenants=limits)
    many, few = make_key("many"), make_key("few")

    def submit(key: str, count: int) -> dict[str, Any]:
        files = [("file", ("a.png", SMALL)) for _ in range(count)]
        answer = ask(app, "POST", "/v1/batches", key=key, data={"task": "identity"}, files=files)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def seconds(key: str, batch: dict[str, Any]) -> float:
        path = batch["urls"]["self"]
        wait_until(lambda: ask(app, "GET", path, key=key).json()["ended"], "the batch to end")
        jobs = [
            ask(app, "GET", f"/v1/jobs/{item['job_id']}", key=key).json() for item in batch["items"]
        ]
        assert {job["status"] for job in jobs} == {"succeeded"}
        created, finished = ([at(job, name) for job in jobs] for name in TIMES)
        return max(finished) - min(created)

    seconds(few, submit(few, 10))  # warms the processes up
    alone = seconds(few, submit(few, 10))
    batches = [submit(many, 100) for _ in range(2)]
    beside = seconds(few, submit(few, 10))
    left = [ask(app, "GET", batch["urls"]["self"], key=many).json() for batch in batches]
    for batch in batches:
        ask(app, "POST", batch["urls"]["cancel"], key=many)
    assert sum(batch["counts"]["queued"] for batch in left) > 20, "there was something to wait for"
    assert beside < 3 * alone + 1, f"{beside:.2f} s, and {alone:.2f} s alone"


def test_all_jobs_run_though_every_message_is_lost(stack: Stack) -> None:
    """More jobs than slots, of both priorities."""
    stack.worker.kill()
    jobs = [stack.submit(SMALL, "identity", priority=name) for name in 6 * ("interactive", "batch")]
    with stack.database(0) as redis:
        redis.flushdb()
    stack.start()
    begun = time.monotonic()
    for job in jobs:
        assert stack.wait_end(job["id"])["attempt"] == 1
    assert time.monotonic() - begun < 60


def test_jobs_of_the_previous_release_run_after_the_update(stack: Stack) -> None:
    """Their records have no priority, their queue is one sorted set, and messages carry ids."""
    stack.worker.kill()
    jobs = [stack.submit(SMALL, "identity") for _ in range(5)]
    with stack.database(1) as redis:
        for key in redis.keys("hiir:queue:*") + redis.keys("hiir:turns:*"):
            redis.delete(key)
        for key in redis.keys("hiir:rounds:*") + redis.keys("hiir:waiting*"):
            redis.delete(key)
        for job in jobs:
            redis.hdel(f"hiir:job:{job['id']}", "priority")
            redis.zadd("hiir:queued", {job["id"]: at(job, "created_at")})
    with stack.database(0) as redis:
        (sample, *_) = redis.lrange("interactive", 0, -1)
        redis.delete("interactive")
        for job in jobs:
            redis.lpush("interactive", with_argument(sample, job["id"]))
    stack.start()
    for job in jobs:
        assert stack.wait_end(job["id"])["status"] == "succeeded"
    with stack.database(1) as redis:
        assert not redis.exists("hiir:queued")


def with_argument(message: str, argument: str) -> str:
    """A Celery message with a positional argument."""
    fields = json.loads(message)
    args, *rest = json.loads(base64.b64decode(fields["body"]))
    assert args == []
    fields["body"] = base64.b64encode(json.dumps([[argument], *rest]).encode()).decode()
    return json.dumps(fields)
