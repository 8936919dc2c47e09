"""`kill -9` of any process in the middle of a job: it still ends, once, with the right result."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.integration.service.killed_submission import FILES, KEY, STEPS, TASK
from tests.integration.service.stack import ROOT, Stack, photo, python, wait_until, write

pytestmark = pytest.mark.integration
SOME_TILES = (110, 160)
MANY_TILES = (250, 350)


@contextmanager
def job_under_way(stack: Stack) -> Iterator[str]:
    """A job of many slow tiles, some of them done; afterwards it must have ended well."""
    pixels = photo(*MANY_TILES)
    job_id = stack.submit(write(pixels), "slow-identity")["id"]
    stack.wait_running(job_id, tiles=3)
    yield job_id
    stack.start()
    stack.ends_succeeded_once(job_id, pixels)


def test_killed_worker(stack: Stack) -> None:
    with job_under_way(stack) as job_id:
        stack.worker.kill()
        assert stack.job(job_id)["status"] == "running"
    assert stack.job(job_id)["attempt"] == 2


def test_killed_parent_of_the_worker(stack: Stack) -> None:
    with job_under_way(stack):
        children = stack.worker.children()
        psutil.Process(stack.worker.pid).kill()
        stack.worker.process.wait()
        stack.worker.process = None
    wait_until(lambda: not any(child.is_running() for child in children), "the orphans to end")


def test_killed_child_of_the_worker(stack: Stack) -> None:
    with job_under_way(stack) as job_id:
        for child in stack.worker.children():
            child.kill()
    assert stack.job(job_id)["attempt"] == 2


def test_killed_triton(stack: Stack) -> None:
    with job_under_way(stack) as job_id:
        stack.triton.kill()
    assert stack.job(job_id)["attempt"] == 1


def test_killed_redis(stack: Stack) -> None:
    with job_under_way(stack) as job_id:
        stack.redis.kill()
    assert stack.job(job_id)["attempt"] == 1


def test_everything_killed_at_once(stack: Stack) -> None:
    with job_under_way(stack) as job_id:
        stack.kill()
    assert stack.job(job_id)["attempt"] == 2


def test_worker_that_is_asked_to_end_gives_its_job_back(stack: Stack) -> None:
    with job_under_way(stack) as job_id:
        asked = time.monotonic()
        assert stack.worker.terminate() == 0
        assert time.monotonic() - asked < 30
        job = stack.job(job_id)
        assert (job["status"], job["attempt"]) == ("queued", 0)
        assert not stack.client.get("/readyz").json()["ready"]
    assert stack.job(job_id)["attempt"] == 1


def test_worker_that_is_asked_to_end_finishes_a_short_job(stack: Stack) -> None:
    pixels = photo(70, 70)
    job_id = stack.submit(write(pixels), "slow-identity")["id"]
    stack.wait_for(job_id, lambda job: job["status"] != "queued", "the job to start")
    assert stack.worker.terminate() == 0
    stack.ends_succeeded_once(job_id, pixels)


def test_job_that_kills_every_worker_is_given_up(stack: Stack) -> None:
    before = stack.blob_keys()
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    for attempt in (1, 2, 3):
        stack.wait_for(
            job_id,
            lambda job, n=attempt: job["status"] == "running" and job["attempt"] == n,
            f"attempt {attempt}",
        )
        for child in stack.worker.children():
            child.kill()
    job = stack.wait_end(job_id)
    assert (job["status"], job["attempt"]) == ("failed", 3)
    assert job["error"]["code"] == "worker-lost"
    assert job["error"]["retryable"] is True
    answer = stack.client.get(f"/v1/jobs/{job_id}/result")
    assert (answer.status_code, answer.json()["code"]) == (409, "worker-lost")
    wait_until(lambda: stack.blob_keys() <= before, "the upload to be deleted")
    pixels = photo(*SOME_TILES)
    stack.ends_succeeded_once(stack.submit(write(pixels), "identity")["id"], pixels)


def test_worker_that_hung_for_too_long_cannot_undo_what_another_did(stack: Stack) -> None:
    stack.worker.kill()
    stack.start()  # fresh processes: only one that has had a job has threads
    pixels = photo(*MANY_TILES)
    job_id = stack.submit(write(pixels), "slow-identity")["id"]
    stack.wait_running(job_id)
    hung = [child for child in stack.worker.children() if child.num_threads() > 2]
    assert len(hung) == 1
    for child in hung:
        child.suspend()
    try:
        stack.wait_for(job_id, lambda job: job["attempt"] == 2, "another process to take it")
        token = stack.record(job_id)["lease"]
        stack.wait_running(job_id, tiles=5)
    finally:
        for child in hung:
            child.resume()
    stack.ends_succeeded_once(job_id, pixels)
    assert stack.record(job_id)["finished_by"] == token
    assert stack.job(job_id)["attempt"] == 2


def test_lost_messages_are_sent_again(stack: Stack) -> None:
    stack.worker.kill()
    photos = [photo(*SOME_TILES, seed=seed) for seed in range(3)]
    jobs = [stack.submit(write(pixels), "identity")["id"] for pixels in photos]
    with stack.database(0) as redis:
        redis.flushdb()
    stack.start()
    for job_id, pixels in zip(jobs, photos, strict=True):
        assert stack.ends_succeeded_once(job_id, pixels)["attempt"] == 1


def test_doubled_messages_are_dropped(stack: Stack) -> None:
    stack.worker.kill()
    pixels = photo(*SOME_TILES)
    job_id = stack.submit(write(pixels), "slow-identity")["id"]
    with stack.database(0) as redis:
        (message,) = redis.lrange("interactive", 0, -1)
        for _ in range(5):
            redis.lpush("interactive", message)
    stack.start()
    ended = stack.ends_succeeded_once(job_id, pixels)
    assert ended["attempt"] == 1
    with stack.database(0) as redis:
        wait_until(lambda: redis.llen("interactive") == 0, "the messages to be dropped")
    assert stack.job(job_id) == ended


@pytest.mark.parametrize("step", STEPS)
def test_killed_api_at_each_step_of_a_batch_makes_no_job_twice(stack: Stack, step: str) -> None:
    stack.worker.kill()
    before = stack.job_keys()
    killed = subprocess.run(
        python("tests.integration.service.killed_submission", step),
        env={**stack.api.environment, "HIIR_METRICS__API_PORT": "0"},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    made_before = stack.job_keys() - before
    assert len(made_before) in {0, 3}, "all jobs of a batch are created, or none"
    with stack.database(1) as redis:  # as if a minute had passed
        for key in redis.keys("hiir:idempotency:*"):
            if not redis.hexists(key, "answer"):
                redis.hset(key, "begun_at", 0)
    stack.worker.start()
    again = stack.client.post(
        "/v1/batches",
        data={"task": TASK},
        files=FILES,
        headers={"idempotency-key": f"{KEY} {step}".replace(" ", "-")},
    )
    assert again.status_code == 202, again.text
    made = stack.job_keys() - before
    assert len(made) == 3
    assert made_before <= made
    jobs = [stack.wait_end(item["job_id"]) for item in again.json()["items"]]
    assert [job["status"] for job in jobs] == 3 * ["succeeded"]
