"""One submission, however often it is sent; and an answer in the way that its sender likes."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.errors import StoreUnavailableError
from service.jobs.queue import JobQueue
from service.jobs.store import JobStore
from tests.integration.service.callers import ask
from tests.integration.service.stack import Stack, photo, read, wait_until, write

pytestmark = pytest.mark.integration
SOME_TILES, MANY_TILES = (110, 160), (250, 350)
PIXELS = photo(*SOME_TILES, seed=3)
PNG = write(PIXELS)


def post(stack: Stack, key: str, content: bytes = PNG, task: str = "identity") -> httpx.Response:
    return stack.client.post(
        "/v1/jobs",
        headers={"idempotency-key": key},
        data={"task": task},
        files={"file": ("a.png", content)},
    )


def test_fifty_parallel_submissions_with_one_key_make_one_job(stack: Stack) -> None:
    before = stack.job_keys()

    def send(_: int) -> httpx.Response:
        def attempt() -> httpx.Response | None:
            answer = post(stack, "fifty")
            assert answer.status_code in {202, 409, 503}, answer.text
            if answer.status_code == 409:
                assert answer.json()["code"] == "submission-in-progress"
                assert answer.headers["retry-after"] == "1"
            return answer if answer.status_code == 202 else None

        return wait_until(attempt, "an answer", pause_s=0.2)

    with ThreadPoolExecutor(50) as senders:
        answers = list(senders.map(send, range(50)))
    assert len(stack.job_keys() - before) == 1
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1
    replayed = [answer for answer in answers if "idempotent-replayed" in answer.headers]
    assert len(replayed) == 49
    stack.ends_succeeded_once(answers[0].json()["id"], PIXELS)
    again = post(stack, "fifty")
    assert (again.status_code, again.text) == (202, answers[0].text)


@pytest.mark.parametrize("change", ["file", "task"])
def test_key_with_another_submission_is_refused(stack: Stack, change: str) -> None:
    first = post(stack, f"other-{change}")
    content = write(photo(*SOME_TILES, seed=4)) if change == "file" else PNG
    task = "large-identity" if change == "task" else "identity"
    before = stack.job_keys()
    second = post(stack, f"other-{change}", content, task)
    assert (second.status_code, second.json()["code"]) == (422, "idempotency-key-reused")
    assert stack.job_keys() == before
    stack.wait_end(first.json()["id"])


def test_refusal_is_not_kept(stack: Stack) -> None:
    refused = post(stack, "refused", b"no image")
    assert refused.status_code == 415
    accepted = post(stack, "refused")
    assert (accepted.status_code, "idempotent-replayed" in accepted.headers) == (202, False)
    stack.wait_end(accepted.json()["id"])


@pytest.mark.parametrize("key", ["", "a" * 256, "a b", "a\tb"])
def test_bad_key_is_refused(stack: Stack, key: str) -> None:
    answer = post(stack, key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-invalid")


def test_submission_whose_answer_was_never_kept_finds_its_job(stack: Stack) -> None:
    first = post(stack, "cut-off")
    job_id = first.json()["id"]
    with stack.database(1) as redis:
        (record,) = [
            key for key in redis.keys("hiir:idempotency:*") if redis.hget(key, "job_id") == job_id
        ]
        assert 86_000 < redis.ttl(record) <= 86_400
        redis.hdel(record, "answer")
        busy = post(stack, "cut-off")
        assert (busy.status_code, busy.json()["code"]) == (409, "submission-in-progress")
        redis.hset(record, "begun_at", time.time() - 100)
    before = stack.stored()
    taken_up = post(stack, "cut-off")
    assert (taken_up.status_code, taken_up.json()["id"]) == (202, job_id)
    stack.ends_succeeded_once(job_id, PIXELS)
    assert stack.job_keys() == before[0]
    assert post(stack, "cut-off").headers["idempotent-replayed"] == "true"


def put(stack: Stack, job_id: str, content: bytes = PNG) -> httpx.Response:
    return stack.client.put(
        f"/v1/jobs/{job_id}?task=identity", content=content, headers={"content-type": "image/png"}
    )


def test_job_under_an_id_of_its_clients(stack: Stack) -> None:
    before = stack.job_keys()
    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda _: put(stack, "my.photo-1"), range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    made = [answer for answer in answers if answer.status_code == 202]
    assert sum("idempotent-replayed" not in answer.headers for answer in made) == 1
    assert {answer.headers["location"] for answer in made} == {"/v1/jobs/my.photo-1"}
    (key,) = stack.job_keys() - before
    stack.wait_end("my.photo-1")
    np.testing.assert_array_equal(read(stack.result("my.photo-1")), PIXELS)
    assert stack.client.get(f"/v1/jobs/{key.removeprefix('hiir:job:')}").status_code == 404
    again = put(stack, "my.photo-1")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["status"] == "succeeded"
    taken = put(stack, "my.photo-1", write(photo(*SOME_TILES, seed=5)))
    assert (taken.status_code, taken.json()["code"]) == (409, "job-id-taken")
    assert len(stack.job_keys() - before) == 1


def test_id_of_a_form_that_none_can_have_is_refused(stack: Stack) -> None:
    answer = put(stack, "a%20b")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-job-id")


def send(stack: Stack, task: str = "identity", size: tuple[int, int] = SOME_TILES, **headers: str):
    return stack.client.post(
        f"/v1/jobs?task={task}",
        content=write(photo(*size, seed=3)),
        headers={"content-type": "image/png", **headers},
    )


def test_who_waits_gets_the_image(stack: Stack) -> None:
    answer = send(stack, prefer="wait=60", accept="image/*")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["preference-applied"] == "wait=60"
    assert answer.headers["location"].startswith("/v1/jobs/")
    np.testing.assert_array_equal(read(answer.content), PIXELS)


def test_who_waits_and_wants_no_image_gets_the_ended_job(stack: Stack) -> None:
    answer = send(stack, prefer="respond-async, wait=1000")
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=60"


def test_who_waits_too_short_is_told_where_to_look(stack: Stack) -> None:
    answer = send(stack, "slow-identity", MANY_TILES, prefer="respond-async, wait=1")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["preference-applied"] == "respond-async, wait=1"
    assert int(answer.headers["retry-after"]) >= 1
    stack.client.post(answer.json()["urls"]["cancel"])
    stack.wait_end(answer.json()["id"])


@pytest.mark.parametrize("cancels", ["true", "false"])
def test_who_hangs_up_cancels_only_if_asked_to(stack: Stack, cancels: str) -> None:
    before = stack.job_keys()
    with pytest.raises(httpx.ReadTimeout):
        stack.client.post(
            f"/v1/jobs?task=slow-identity&cancel_on_disconnect={cancels}",
            content=write(photo(*MANY_TILES)),
            headers={"content-type": "image/png", "prefer": "wait=60"},
            timeout=httpx.Timeout(60, read=2),
        )
    (key,) = wait_until(lambda: stack.job_keys() - before, "the job")
    job_id = key.removeprefix("hiir:job:")
    if cancels == "true":
        assert stack.wait_end(job_id)["status"] == "canceled"
    else:
        stack.wait_running(job_id)
        assert not stack.job(job_id)["cancel_requested"]
        stack.client.post(f"/v1/jobs/{job_id}/cancel")
        stack.wait_end(job_id)


def test_other_value_of_a_switch_is_refused(stack: Stack) -> None:
    answer = stack.client.post(
        "/v1/jobs?task=identity&cancel_on_disconnect=maybe",
        content=PNG,
        headers={"content-type": "image/png"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-parameter")


def test_status_can_be_waited_for(stack: Stack) -> None:
    job_id = stack.submit(PNG, "identity")["id"]
    ended = stack.client.get(f"/v1/jobs/{job_id}?wait=60").json()
    assert ended["status"] == "succeeded"
    slow = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    began = time.monotonic()
    job = stack.client.get(f"/v1/jobs/{slow}?wait=1").json()
    assert time.monotonic() - began >= 1
    assert job["status"] in {"queued", "running"}
    stack.client.post(f"/v1/jobs/{slow}/cancel")
    stack.wait_end(slow)


def test_cancel_in_every_state(stack: Stack) -> None:
    def cancel(job_id: str) -> httpx.Response:
        return stack.client.post(f"/v1/jobs/{job_id}/cancel")

    content = write(photo(*MANY_TILES))
    running = stack.submit(content, "slow-identity")["id"]
    stack.wait_running(running)
    answer = cancel(running)
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    assert stack.wait_end(running)["status"] == "canceled"
    assert cancel(running).status_code == 200
    done = stack.submit(PNG, "identity")["id"]
    stack.wait_end(done)
    refused = cancel(done)
    assert (refused.status_code, refused.json()["code"]) == (409, "job-already-terminal")
    assert refused.json()["actual"] == "succeeded"
    np.testing.assert_array_equal(read(stack.result(done)), PIXELS)
    assert cancel("0" * 32).status_code == 404
    stack.worker.kill()
    queued = stack.submit(PNG, "identity")["id"]
    answer = cancel(queued)
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert cancel(queued).json()["status"] == "canceled"


def test_jobs_are_listed_by_page_and_filter(stack: Stack) -> None:
    made = [stack.submit(PNG, "identity")["id"] for _ in range(3)]
    for job_id in made:
        stack.wait_end(job_id)
    other = stack.submit(PNG, "large-identity")["id"]
    stack.wait_end(other)

    def page(**query: str | int) -> dict:
        answer = stack.client.get("/v1/jobs", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    first = page(limit=2)
    assert [job["id"] for job in first["jobs"]] == [other, made[2]]
    second = page(limit=2, cursor=first["next_cursor"])
    assert [job["id"] for job in second["jobs"]] == [made[1], made[0]]
    assert page(task="large-identity", limit=1)["jobs"][0]["id"] == other
    assert [job["id"] for job in page(task="identity", status="succeeded", limit=3)["jobs"]] == (
        made[::-1]
    )
    assert page(status="running")["jobs"] == []
    for query, code in [
        ({"cursor": "?"}, "invalid-cursor"),
        ({"limit": 101}, "invalid-parameter"),
        ({"status": "lost"}, "invalid-request"),
    ]:
        answer = stack.client.get("/v1/jobs", params=query)
        assert answer.json()["code"] == code


def test_key_of_a_job_that_may_exist_is_not_given_up(
    stack: Stack, make_app: Callable[..., FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, before = make_app(), stack.stored()

    def send() -> httpx.Response:
        return ask(
            app,
            "POST",
            "/v1/jobs",
            base_url="http://localhost",
            data={"task": "identity"},
            files={"file": ("a.png", PNG)},
            headers={"idempotency-key": "may-exist"},
        )

    def unheard(*_: object) -> None:
        raise StoreUnavailableError("No.")

    with monkeypatch.context() as patched:
        patched.setattr(JobQueue, "publish", unheard)
        patched.setattr(JobStore, "discard", unheard)
        assert send().status_code == 503
    made = send()
    assert made.status_code == 202, made.text
    (key,) = stack.job_keys() - before[0]
    assert key == f"hiir:job:{made.json()['id']}"
    stack.ends_succeeded_once(made.json()["id"], PIXELS)


def test_clock_of_the_api_does_not_matter(
    stack: Stack, make_app: Callable[..., FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, real = make_app(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86_400)
    form = {"data": {"task": "identity"}, "files": {"file": ("a.png", PNG)}}
    made = ask(app, "POST", "/v1/jobs", base_url="http://localhost", **form).json()
    stack.wait_end(made["id"])
    with stack.database(1) as redis:
        assert abs(float(stack.record(made["id"])["created_at"]) - redis.time()[0]) < 60
    result = ask(app, "GET", made["urls"]["result"], base_url="http://localhost")
    assert result.status_code == 200
    age = int(result.headers["cache-control"].rpartition("=")[2])
    assert 3500 < age <= 3600


def test_location_and_urls_have_the_root_path(make_app: Callable[..., FastAPI]) -> None:
    async def check() -> None:
        transport = httpx.ASGITransport(make_app(), root_path="/restore", client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            made = await client.post(
                "/restore/v1/jobs", data={"task": "identity"}, files={"file": ("a.png", PNG)}
            )
            here = f"/restore/v1/jobs/{made.json()['id']}"
            assert made.headers["location"] == here
            assert made.json()["urls"]["result"] == f"{here}/result"
            followed = await client.get(made.json()["urls"]["self"])
            assert followed.json()["urls"] == made.json()["urls"]
            batch = await client.post(
                "/restore/v1/batches", data={"task": "identity"}, files=[("file", ("a.png", PNG))]
            )
            there = f"/restore/v1/batches/{batch.json()['id']}"
            assert batch.headers["location"] == there
            assert batch.json()["urls"]["results"] == f"{there}/results.zip"
            (item,) = batch.json()["items"]
            assert item["urls"]["self"] == f"/restore/v1/jobs/{item['job_id']}"

    asyncio.run(check())
