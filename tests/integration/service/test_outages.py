"""Redis or Triton away: refused politely, and what was accepted survives."""

import time

import httpx
import psutil
import pytest

from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
SOME_TILES = (110, 160)
MANY_TILES = (250, 350)


def submit(stack: Stack) -> httpx.Response:
    return stack.client.post(
        "/v1/jobs", data={"task": "identity"}, files={"file": write(photo(*SOME_TILES))}
    )


def expect_unavailable(answer: httpx.Response, code: str) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["retryable"] is True
    assert int(answer.headers["retry-after"]) >= 1


def wait_unready(stack: Stack, component: str) -> None:
    def is_unready() -> bool:
        answer = stack.client.get("/readyz")
        return answer.status_code == 503 and answer.json()["components"][component] != "ready"

    wait_until(is_unready, f"the API to notice that {component} is away")


def test_submission_without_triton_is_refused(stack: Stack) -> None:
    stack.triton.kill()
    wait_unready(stack, "triton")
    before = stack.stored()
    expect_unavailable(submit(stack), "inference-unavailable")
    assert stack.stored() == before
    assert stack.client.get("/livez").status_code == 200
    stack.start()
    assert stack.wait_end(submit(stack).json()["id"])["status"] == "succeeded"


def test_everything_without_redis_is_refused_and_works_when_it_is_back(stack: Stack) -> None:
    pixels = photo(*SOME_TILES)
    job_id = stack.submit(write(pixels), "identity")["id"]
    stack.wait_end(job_id)
    stack.redis.kill()
    expect_unavailable(submit(stack), "store-unavailable")
    expect_unavailable(stack.client.get(f"/v1/jobs/{job_id}"), "store-unavailable")
    expect_unavailable(stack.client.get(f"/v1/jobs/{job_id}/result"), "store-unavailable")
    expect_unavailable(stack.client.delete(f"/v1/jobs/{job_id}"), "store-unavailable")
    wait_unready(stack, "redis")
    assert stack.client.get("/livez").status_code == 200
    assert stack.client.get("/v1/tasks").status_code == 200
    stack.start()
    stack.ends_succeeded_once(job_id, pixels)
    assert stack.wait_end(submit(stack).json()["id"])["status"] == "succeeded"


def test_jobs_accepted_before_triton_went_away_finish_when_it_is_back(stack: Stack) -> None:
    photos = [photo(*SOME_TILES, seed=seed) for seed in range(4)]
    running = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    stack.wait_running(running)
    jobs = [stack.submit(write(pixels), "slow-identity")["id"] for pixels in photos]
    stack.triton.kill()
    time.sleep(3)
    assert stack.job(running)["status"] == "running"
    stack.start()
    ended = stack.ends_succeeded_once(running, photo(*MANY_TILES))
    assert ended["attempt"] == 1
    for job_id, pixels in zip(jobs, photos, strict=True):
        stack.ends_succeeded_once(job_id, pixels)


def test_job_goes_back_into_the_queue_if_triton_stays_away(stack: Stack) -> None:
    pixels = photo(*MANY_TILES)
    job_id = stack.submit(write(pixels), "slow-identity")["id"]
    stack.wait_running(job_id)
    stack.triton.kill()
    wait_until(lambda: "released_by" in stack.record(job_id), "the job to be given back")
    stack.start()
    ended = stack.ends_succeeded_once(job_id, pixels)
    assert ended["attempt"] == 1, "a wait for Triton counts as no attempt"


def test_job_survives_a_killed_model_process_until_triton_is_replaced(stack: Stack) -> None:
    pixels = photo(*MANY_TILES)
    job_id = stack.submit(write(pixels), "slow-identity")["id"]
    stack.wait_running(job_id)
    for stub in psutil.Process(stack.triton.pid).children():
        stub.kill()
    time.sleep(2)
    stack.triton.kill()  # as its supervisor does, once it has noticed
    stack.start()
    assert stack.ends_succeeded_once(job_id, pixels)["attempt"] == 1


def test_job_whose_result_is_done_waits_for_redis(stack: Stack) -> None:
    pixels = photo(*MANY_TILES)
    job_id = stack.submit(write(pixels), "slow-identity")["id"]
    stack.wait_running(job_id)
    stack.redis.kill()
    time.sleep(10)  # longer than the rest of the job, and than its lease
    stack.start()
    assert stack.ends_succeeded_once(job_id, pixels)["attempt"] == 1


def test_job_accepted_without_a_worker_waits_for_one(stack: Stack) -> None:
    stack.worker.kill()
    wait_unready(stack, "worker")
    pixels = photo(*SOME_TILES)
    job_id = stack.submit(write(pixels), "identity")["id"]
    time.sleep(1)
    assert stack.job(job_id)["status"] == "queued"
    stack.start()
    assert stack.ends_succeeded_once(job_id, pixels)["attempt"] == 1
