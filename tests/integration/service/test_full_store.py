"""A nearly full Redis: accepted jobs end as succeeded or `store-full`, and none is lost."""

import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from redis import Redis

from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
MIB = 2**20
PHOTO = write(photo(800, 1000))  # some 2 MB; its result, an uncompressed BMP, has 9.6 MB
RESULT_BYTES = 1600 * 2000 * 3
BALLAST = "hiir:test:ballast"


@pytest.fixture
def small(stack: Stack) -> Iterator["Redis[bytes]"]:
    """The blobs' database of a Redis that has 64 MiB left, without a worker."""
    stack.worker.kill()
    with stack.database(2) as redis:
        redis.flushdb()  # the results of earlier tests
        before = redis.config_get("maxmemory")["maxmemory"]
        redis.config_set("maxmemory", redis.info("memory")["used_memory"] + 64 * MIB)
        try:
            yield redis
        finally:
            redis.config_set("maxmemory", before)
            redis.delete(*redis.keys(f"{BALLAST}:*"), "none")


def fill(redis: "Redis[bytes]", percent: float) -> None:
    """Fill Redis to this percentage of its memory, and again after its buffers have shrunk."""
    for turn in range(3):
        memory = redis.info("memory")
        missing = int(memory["maxmemory"] * percent / 100 - memory["used_memory"])
        for number in range(max(missing, 0) // (MIB // 4)):
            content = np.random.default_rng(number).bytes(MIB // 4)
            redis.set(f"{BALLAST}:{turn}:{number}", content, ex=300)
        time.sleep(0.5)


def empty(redis: "Redis[bytes]") -> None:
    redis.unlink(*redis.keys(f"{BALLAST}:*"))


def submit(stack: Stack) -> httpx.Response:
    fields = {"task": "super-resolution", "scale": "2", "format": "bmp"}
    return stack.client.post("/v1/jobs", data=fields, files={"file": ("photo.png", PHOTO)})


def accept(stack: Stack, count: int) -> list[str]:
    made = [submit(stack) for _ in range(count)]
    assert [answer.status_code for answer in made] == count * [202]
    return [answer.json()["id"] for answer in made]


def reserved(stack: Stack) -> int:
    with stack.database(1) as redis:
        return int(redis.get("hiir:reserved") or 0)


def test_no_more_is_accepted_than_fits_with_its_results(
    stack: Stack, small: "Redis[bytes]"
) -> None:
    answers = [submit(stack) for _ in range(8)]
    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert 2 <= len(accepted) < 8
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {
        (503, "store-full")
    }
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert reserved(stack) == len(accepted) * RESULT_BYTES
    stack.worker.start()
    jobs = [stack.wait_end(job_id) for job_id in accepted]
    assert [(job["status"], job["attempt"]) for job in jobs] == len(accepted) * [("succeeded", 1)]
    assert reserved(stack) == 0


def test_result_that_does_not_fit_is_kept_until_it_does(
    stack: Stack, small: "Redis[bytes]"
) -> None:
    jobs = accept(stack, 2)
    fill(small, 92)
    stack.worker.start()
    for job_id in jobs:
        stack.wait_for(job_id, lambda job: job["progress"]["stage"] == "store", "the store stage")
    time.sleep(4)  # two offers
    assert [stack.job(job_id)["status"] for job_id in jobs] == ["running", "running"]
    empty(small)
    ended = [stack.wait_end(job_id) for job_id in jobs]
    assert [(job["status"], job["attempt"]) for job in ended] == 2 * [("succeeded", 1)]


def test_jobs_in_a_store_that_stays_full_end_as_store_full(
    stack: Stack, small: "Redis[bytes]"
) -> None:
    jobs = accept(stack, 3)
    fill(small, 92)
    stack.worker.start()
    ended = [stack.wait_end(job_id) for job_id in jobs]
    # Each job that ends gives back its upload, until there is room for the last ones.
    failures = [job["error"] for job in ended if job["status"] != "succeeded"]
    assert {(error["code"], error["retryable"]) for error in failures} == {("store-full", True)}
    assert len(failures) >= 2
    assert reserved(stack) == 0


def test_nearly_full_store_starts_no_jobs_and_is_not_ready(
    stack: Stack, small: "Redis[bytes]"
) -> None:
    first = accept(stack, 1)[0]
    fill(small, 96)
    stack.worker.start()
    answer = wait_until(
        lambda: (got := stack.client.get("/readyz")).status_code == 503 and got, "503"
    )
    wait_until(
        lambda: stack.client.get("/readyz").json()["components"]["worker"] == "ready", "a worker"
    )
    assert "memory is in use" in answer.json()["components"]["memory"]
    job = stack.wait_end(first)
    assert (job["status"], job["error"]["code"]) == ("failed", "store-full")
    assert job["progress"]["tiles_done"] == 0
    accepted_again = submit(stack)
    assert (accepted_again.status_code, accepted_again.json()["code"]) == (503, "store-full")
    empty(small)
    second = wait_until(lambda: (got := submit(stack)).status_code == 202 and got, "room")
    assert stack.wait_end(second.json()["id"])["status"] == "succeeded"


def test_worker_that_shuts_down_requeues_a_result_that_does_not_fit(
    stack: Stack, small: "Redis[bytes]"
) -> None:
    (job_id,) = accept(stack, 1)
    fill(small, 92)
    stack.worker.start()
    stack.wait_for(job_id, lambda job: job["progress"]["stage"] == "store", "the store stage")
    stack.worker.terminate()
    job = stack.job(job_id)
    assert (job["status"], job["attempt"]) == ("queued", 0)
    assert reserved(stack) == RESULT_BYTES
    empty(small)
    stack.worker.start()
    ended = stack.wait_end(job_id)
    assert (ended["status"], ended["attempt"]) == ("succeeded", 1)


def test_retry_cures_the_files_of_a_batch_that_found_no_room(
    stack: Stack, small: "Redis[bytes]"
) -> None:
    fields = {"task": "super-resolution", "scale": "2", "format": "bmp"}
    files = [("file", (f"{number}.png", PHOTO)) for number in range(6)]
    made = stack.client.post("/v1/batches", data=fields, files=files).json()
    counts = made["counts"]
    assert counts["queued"] + counts["failed"] == 6
    assert counts["failed"] >= 1
    errors = {item["error"]["code"] for item in made["items"] if item["error"]}
    assert errors == {"store-full"}
    stack.worker.start()
    path = made["urls"]["self"]

    def ended() -> bool:
        return bool(stack.client.get(path).json()["ended"])

    wait_until(ended, "the first jobs to end")
    for item in stack.client.get(path).json()["items"]:
        if item["status"] == "succeeded":  # downloaded, and no longer needed
            stack.client.delete(item["urls"]["self"])
    again = stack.client.post(made["urls"]["retry_failed"])
    assert again.status_code == 202, again.text
    wait_until(ended, "the others to end")
    items = stack.client.get(path).json()["items"]
    assert [(item["status"], item["error"]) for item in items] == 6 * [("succeeded", None)]
    assert reserved(stack) == 0
