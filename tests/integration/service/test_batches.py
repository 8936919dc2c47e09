"""Batches: each file for itself, one place to look, one archive, another try for what failed."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.errors import StoreUnavailableError
from service.jobs.batch import Batch
from service.jobs.batch_store import BatchStore
from service.jobs.job import Job
from service.limits import Limits, TenantLimits
from service.settings import AuthMode
from tests.integration.service.callers import PNG, MakeKey, ask
from tests.integration.service.callers import submit as post
from tests.integration.service.stack import Stack, photo, read, wait_until, write

pytestmark = pytest.mark.integration
SOME_TILES, MANY_TILES = (70, 80), (150, 200)


def send(
    stack: Stack, files: list[tuple[str, bytes]], *, key: str | None = None, **fields: str
) -> httpx.Response:
    return stack.client.post(
        "/v1/batches",
        data={"task": "identity", **fields},
        files=[("file", file) for file in files],
        headers={"idempotency-key": key} if key else {},
    )


def submit(stack: Stack, files: list[tuple[str, bytes]], **fields: str) -> dict[str, Any]:
    answer = send(stack, files, **fields)
    assert answer.status_code == 202, answer.text
    return answer.json()


def look(stack: Stack, batch_id: str) -> dict[str, Any]:
    answer = stack.client.get(f"/v1/batches/{batch_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_ended(stack: Stack, batch_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        found = look(stack, batch_id)
        return found if found["ended"] else None

    return wait_until(ended, "the batch to end")


def some_counts(batch: dict[str, Any]) -> dict[str, int]:
    return {status: count for status, count in batch["counts"].items() if count}


def open_archive(stack: Stack, batch_id: str) -> tuple[zipfile.ZipFile, dict[str, Any]]:
    answer = stack.client.get(f"/v1/batches/{batch_id}/results.zip")
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive, json.loads(archive.read("manifest.json"))


def test_bad_files_say_why_and_block_nobody(stack: Stack) -> None:
    photos = [photo(*SOME_TILES, seed=seed) for seed in range(2)]
    good = [write(pixels) for pixels in photos]
    files = [
        ("first.png", good[0]),
        ("text.png", b"this is no image"),
        ("half.png", good[0][: len(good[0]) // 2]),
        ("../../first.png", good[1]),
        ("empty.png", b""),
    ]
    made = submit(stack, files)
    assert made["urls"]["self"] == f"/v1/batches/{made['id']}"
    batch = wait_ended(stack, made["id"])
    assert some_counts(batch) == {"succeeded": 2, "refused": 3}
    told = [(item["status"], (item["error"] or {}).get("code")) for item in batch["items"]]
    assert told == [
        ("succeeded", None),
        ("refused", "unsupported-image-format"),
        ("refused", "image-truncated"),
        ("succeeded", None),
        ("refused", "empty-image"),
    ]
    assert stack.job(batch["items"][0]["job_id"])["batch_id"] == made["id"]

    archive, manifest = open_archive(stack, made["id"])
    names = [item["file"] for item in manifest["items"]]
    assert names == ["000-first-restored.png", None, None, "003-first-restored.png", None]
    assert set(archive.namelist()) == {*filter(None, names), "manifest.json"}
    for item, pixels in zip((manifest["items"][0], manifest["items"][3]), photos, strict=True):
        content = archive.read(item["file"])
        np.testing.assert_array_equal(read(content), pixels)
        assert item["sha256"] == hashlib.sha256(content).hexdigest()
        assert [step["model"] for step in item["steps"]] == ["identity"]
        assert item["bytes"] == len(content)
    assert manifest["items"][1]["error"]["code"] == "unsupported-image-format"


def test_failed_jobs_are_tried_again_once_for_any_number_of_requests(stack: Stack) -> None:
    pixels = photo(*MANY_TILES)
    made = submit(stack, [("a.png", write(pixels)), ("b.png", b"no image")], task="slow-identity")
    job_id = made["items"][0]["job_id"]
    for attempt in (1, 2, 3):
        stack.wait_for(
            job_id,
            lambda job, n=attempt: job["status"] == "running" and job["attempt"] == n,
            f"attempt {attempt}",
        )
        for child in stack.worker.children():
            child.kill()
    assert some_counts(wait_ended(stack, made["id"])) == {"failed": 1, "refused": 1}
    path = f"/v1/batches/{made['id']}/retry-failed"
    again = stack.client.post(path)
    assert again.status_code == 202, again.text
    repeated = again.json()["items"][0]["job_id"]
    assert repeated != job_id
    unchanged = stack.client.post(path)
    assert (unchanged.status_code, unchanged.json()["items"][0]["job_id"]) == (200, repeated)
    assert some_counts(wait_ended(stack, made["id"])) == {"succeeded": 1, "refused": 1}
    stack.ends_succeeded_once(repeated, pixels)
    _, manifest = open_archive(stack, made["id"])
    assert [item["status"] for item in manifest["items"]] == ["succeeded", "refused"]


def test_archive_waits_for_the_end_and_tells_what_is_gone(stack: Stack) -> None:
    before = stack.blob_keys()
    files = [("a.png", write(photo(*MANY_TILES))), ("b.png", write(photo(*SOME_TILES)))]
    made = submit(stack, files, task="slow-identity")
    path = f"/v1/batches/{made['id']}/results.zip"
    early = stack.client.get(path)
    assert (early.status_code, early.json()["code"]) == (409, "batch-not-finished")
    assert int(early.headers["retry-after"]) > 0
    growing = stack.client.get(path, params={"partial": "true"})
    assert growing.status_code == 200
    with zipfile.ZipFile(io.BytesIO(growing.content)) as archive:
        listed = json.loads(archive.read("manifest.json"))["items"]
        names = [item["file"] for item in listed if item["file"]]
        assert {*archive.namelist()} == {*names, "manifest.json"}
    assert {item["status"] for item in listed} & {"queued", "running"}
    wait_ended(stack, made["id"])
    stack.client.delete(f"/v1/jobs/{made['items'][0]['job_id']}")
    archive, manifest = open_archive(stack, made["id"])
    assert [item["status"] for item in manifest["items"]] == ["expired", "succeeded"]
    assert len(archive.namelist()) == 2
    stack.client.delete(f"/v1/batches/{made['id']}")
    late = stack.client.get(f"/v1/batches/{made['id']}/results.zip")
    assert (late.status_code, late.json()["code"]) == (410, "result-expired")
    assert stack.blob_keys() <= before


def test_cancel_stops_what_has_not_ended(stack: Stack) -> None:
    files = [(f"{n}.png", write(photo(*MANY_TILES, seed=n))) for n in range(5)]
    made = submit(stack, files, task="slow-identity")
    stack.wait_running(made["items"][0]["job_id"])
    canceled = stack.client.post(f"/v1/batches/{made['id']}/cancel")
    assert canceled.status_code == 202
    batch = wait_ended(stack, made["id"])
    assert some_counts(batch) == {"canceled": 5}
    again = stack.client.post(f"/v1/batches/{made['id']}/cancel")
    assert (again.status_code, some_counts(again.json())) == (200, {"canceled": 5})


def test_batch_that_is_sent_twice_with_one_key_is_made_once(stack: Stack) -> None:
    files = [("a.png", write(photo(*SOME_TILES))), ("b.png", b"no image")]
    first, second = (send(stack, files, key="batch-of-mine") for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    other = send(stack, files[:1], key="batch-of-mine")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


def test_what_concerns_all_files_is_refused_as_a_whole(stack: Stack) -> None:
    before = stack.stored()
    files = [("a.png", write(photo(*SOME_TILES)))]
    refused = {
        "unknown-task": send(stack, files, task="nothing"),
        "invalid-webhook-url": send(stack, files, webhook_url="http://10.0.0.1/"),
        "unknown-parameter": send(stack, files, cancel_on_disconnect="true"),
        "too-many-files": send(stack, 101 * [("a.png", b"x")]),
        "missing-file": stack.client.post("/v1/batches", files={"task": (None, "identity")}),
        "unsupported-media-type": stack.client.post("/v1/batches", content=b"x"),
        "body-too-large": stack.client.post(
            "/v1/batches",
            content=bytes(45_000_001),
            headers={"content-type": "multipart/form-data; boundary=x"},
        ),
    }
    assert {code: answer.json()["code"] for code, answer in refused.items()} == {
        code: code for code in refused
    }
    assert stack.stored() == before


def test_file_that_is_too_large_is_refused_alone(stack: Stack) -> None:
    files = [("large.png", bytes(20_000_001)), ("a.png", write(photo(*SOME_TILES)))]
    batch = wait_ended(stack, submit(stack, files)["id"])
    assert [item["status"] for item in batch["items"]] == ["refused", "succeeded"]
    assert batch["items"][0]["error"]["code"] == "body-too-large"


@pytest.mark.parametrize(
    ("method", "tail"),
    [("GET", ""), ("GET", "/results.zip"), ("POST", "/cancel"), ("POST", "/retry-failed")],
)
def test_unknown_batch_is_not_found(stack: Stack, method: str, tail: str) -> None:
    answer = stack.client.request(method, f"/v1/batches/{'0' * 32}{tail}")
    assert (answer.status_code, answer.json()["code"]) == (404, "batch-not-found")


def test_another_tenants_batch_and_deliveries_do_not_exist(
    make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    app = make_app(auth=AuthMode.KEYS)
    ours, theirs = make_key("museum"), make_key("archive")
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG))]
    made = ask(app, "POST", "/v1/batches", key=ours, data={"task": "identity"}, files=files).json()
    assert some_counts(made) == {"queued": 2}
    path, job = made["urls"]["self"], made["items"][0]["urls"]["deliveries"]
    for method, tail in (("GET", ""), ("POST", "/cancel"), ("GET", "/results.zip")):
        answer = ask(app, method, path + tail, key=theirs)
        assert (answer.status_code, answer.json()["code"]) == (404, "batch-not-found")
    assert ask(app, "GET", job, key=theirs).status_code == 404
    assert ask(app, "GET", job, key=ours).json() == {"deliveries": []}
    secrets = {ask(app, "GET", "/v1/webhooks/secret", key=key).text for key in (ours, theirs)}
    assert len(secrets) == 2


def test_jobs_beyond_the_limit_wait_for_their_turn(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    stack.worker.kill()
    app = make_app(auth=AuthMode.KEYS, tenants=TenantLimits(open_jobs=1, open_batch_jobs=2))
    key = make_key("museum")
    form = {"data": {"task": "identity"}, "files": 5 * [("file", ("a.png", PNG))]}
    made = [ask(app, "POST", "/v1/batches", key=key, **form).json() for _ in range(2)]
    assert [some_counts(batch) for batch in made] == 2 * [{"queued": 5}]
    with stack.database(1) as redis:
        first = [item["job_id"] for item in made[0]["items"]]
        (queue,) = redis.keys("hiir:queue:batch:*")
        assert redis.zrange(queue, 0, -1) == first[:2]
    assert post(app, key).status_code == 202, "a single job has a place of its own"
    canceled = ask(app, "POST", f"{made[1]['urls']['self']}/cancel", key=key).json()
    assert some_counts(canceled) == {"canceled": 5}
    stack.worker.start()

    def ended() -> dict[str, Any] | None:
        found = ask(app, "GET", made[0]["urls"]["self"], key=key).json()
        return found if found["ended"] else None

    assert some_counts(wait_until(ended, "the batch to end")) == {"succeeded": 5}


def test_batch_is_refused_as_a_whole_when_too_many_of_its_tenant_wait(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    stack.worker.kill()
    limits = TenantLimits(open_batch_jobs=1, held_batch_jobs=2)
    app, key = make_app(auth=AuthMode.KEYS, tenants=limits), make_key("museum")
    form = {"data": {"task": "identity"}, "files": 3 * [("file", ("a.png", PNG))]}
    made = ask(app, "POST", "/v1/batches", key=key, **form).json()
    refused = ask(app, "POST", "/v1/batches", key=key, **form)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-jobs")
    ask(app, "DELETE", made["urls"]["self"], key=key)
    assert ask(app, "POST", "/v1/batches", key=key, **form).status_code == 202


def test_quota_of_canceled_jobs_is_given_back_and_retry_cures_what_lacked_it(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    stack.worker.kill()
    megapixel = write(np.zeros((1000, 1000), np.uint8))
    app = make_app(auth=AuthMode.KEYS, tenants=TenantLimits(megapixels_per_day=2))
    key = make_key("museum")
    form = {"data": {"task": "identity"}, "files": 3 * [("file", ("a.png", megapixel))]}
    made = ask(app, "POST", "/v1/batches", key=key, **form).json()
    assert some_counts(made) == {"queued": 2, "failed": 1}
    assert made["items"][2]["error"]["code"] == "quota-exceeded"
    assert made["items"][2]["error"]["retryable"]
    retry = f"{made['urls']['self']}/retry-failed"
    still = ask(app, "POST", retry, key=key)
    assert (still.status_code, still.json()["code"]) == (429, "quota-exceeded")
    ask(app, "POST", made["items"][0]["urls"]["cancel"], key=key)
    again = ask(app, "POST", retry, key=key)
    assert again.status_code == 202, again.text
    assert some_counts(again.json()) == {"queued": 2, "canceled": 1}
    ask(app, "DELETE", made["urls"]["self"], key=key)


def test_batch_without_a_valid_file_is_refused(stack: Stack) -> None:
    before = stack.stored()
    files = [("a.png", b"no image"), ("b.png", b"")]
    refused = send(stack, files, key="nothing-valid")
    assert (refused.status_code, refused.json()["code"]) == (422, "no-valid-file")
    assert [error["name"] for error in refused.json()["errors"]] == ["a.png", "b.png"]
    assert stack.stored() == before
    good = send(stack, [("a.png", write(photo(*SOME_TILES)))], key="nothing-valid")
    assert (good.status_code, "idempotent-replayed" in good.headers) == (202, False)


def test_results_live_until_the_batch_has_ended(stack: Stack) -> None:
    slow = [(f"{n}.png", write(photo(*MANY_TILES, seed=n))) for n in range(3)]
    made = submit(stack, [("small.png", write(photo(*SOME_TILES))), *slow], task="slow-identity")
    first = made["items"][0]["job_id"]
    job = stack.wait_end(first)
    assert not look(stack, made["id"])["ended"]

    def result_ttl() -> int:
        blob = json.loads(stack.record(first)["result"])["blob"]["id"]
        with stack.database(2) as redis:
            return int(redis.ttl(f"hiir:blob:{blob}:0"))

    assert result_ttl() > 21_600
    wait_ended(stack, made["id"])
    assert stack.job(first)["expires_at"] < job["expires_at"]
    ended = wait_until(lambda: 3600 < result_ttl() <= 4200 and stack.job(first), "a shorter life")
    last = [stack.job(item["job_id"])["finished_at"] for item in made["items"]]
    lifetime = datetime.fromisoformat(ended["expires_at"]) - datetime.fromisoformat(max(last))
    assert abs(lifetime.total_seconds() - 3600) < 1


def test_batch_under_an_id_of_its_clients_is_made_once_and_listed(stack: Stack) -> None:
    form = {
        "data": {"task": "identity", "client_metadata": json.dumps({"album": "summer"})},
        "files": [("file", ("a.png", write(photo(*SOME_TILES)))), ("file", ("b.png", b"no"))],
    }
    before = stack.job_keys()
    answers = [stack.client.put("/v1/batches/summer-1", **form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert len(stack.job_keys() - before) == 1
    batch = wait_ended(stack, "summer-1")
    assert some_counts(batch) == {"succeeded": 1, "refused": 1}
    assert batch["client_metadata"] == {"album": "summer"}
    job = stack.job(batch["items"][0]["job_id"])
    assert (job["filename"], job["client_metadata"]) == ("a.png", {"album": "summer"})
    form["data"]["task"] = "large-identity"
    other = stack.client.put("/v1/batches/summer-1", **form)
    assert (other.status_code, other.json()["code"]) == (409, "job-id-taken")
    newest = stack.client.get("/v1/batches", params={"limit": 1}).json()
    assert [(item["id"], item["files"], item["open_jobs"]) for item in newest["batches"]] == [
        ("summer-1", 2, 0)
    ]
    page = stack.client.get("/v1/batches", params={"limit": 1, "cursor": newest["next_cursor"]})
    assert page.json()["batches"][0]["id"] != "summer-1"


@pytest.mark.parametrize("value", ["no json", "[1]", '{"a": 1}', '{"a": "' + 600 * "b" + '"}'])
def test_metadata_that_is_no_small_object_of_strings_is_refused(stack: Stack, value: str) -> None:
    refused = send(stack, [("a.png", write(photo(*SOME_TILES)))], client_metadata=value)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-parameter")


def test_replay_is_answered_when_the_queue_is_full(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    stack.worker.kill()
    app, key = make_app(auth=AuthMode.KEYS, limits=Limits(queue_depth=2)), make_key("museum")
    batch = {"data": {"task": "identity"}, "files": 2 * [("file", ("a.png", PNG))]}
    sent = {"headers": {"idempotency-key": "full"}, **batch}
    first, second = (ask(app, "POST", "/v1/batches", key=key, **sent) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    new = ask(app, "POST", "/v1/batches", key=key, **{**batch, "headers": {"idempotency-key": "b"}})
    assert (new.status_code, new.json()["code"]) == (503, "queue-full")
    ask(app, "DELETE", first.json()["urls"]["self"], key=key)
    form = {"data": {"task": "identity"}, "files": {"file": ("a.png", PNG)}}
    jobs = [
        ask(app, "POST", "/v1/jobs", key=key, headers={"idempotency-key": name}, **form)
        for name in ("one", "two", "one")
    ]
    assert [job.status_code for job in jobs] == [202, 202, 202]
    assert jobs[2].headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_batch_whose_creation_fails_is_made_once_when_it_is_sent_again(
    stack: Stack,
    make_app: Callable[..., FastAPI],
    make_key: MakeKey,
    monkeypatch: pytest.MonkeyPatch,
    *,
    after: bool,
) -> None:
    stack.worker.kill()
    app, key = make_app(auth=AuthMode.KEYS), make_key("museum")
    store = app.state.services.batches.store
    create = type(store).create

    def fail(self: BatchStore, batch: Batch, jobs: list[Job]) -> None:
        if after:  # the reply is lost
            create(self, batch, jobs)
        raise StoreUnavailableError("No.")

    before = stack.job_keys()
    form = {
        "data": {"task": "identity"},
        "files": 3 * [("file", ("a.png", PNG))],
        "headers": {"idempotency-key": "again"},
    }
    with monkeypatch.context() as patched:
        patched.setattr(BatchStore, "create", fail)
        assert ask(app, "POST", "/v1/batches", key=key, **form).status_code == 503
    made = ask(app, "POST", "/v1/batches", key=key, **form)
    assert made.status_code == 202, made.text
    assert len(stack.job_keys() - before) == 3
    assert {f"hiir:job:{item['job_id']}" for item in made.json()["items"]} <= stack.job_keys()
    ask(app, "DELETE", made.json()["urls"]["self"], key=key)


def test_batch_lives_as_long_as_its_jobs_can(stack: Stack) -> None:
    made = submit(stack, [("a.png", write(photo(*SOME_TILES)))])
    with stack.database(1) as redis:
        left = redis.ttl(f"hiir:batch:{made['id']}")
    assert 86_400 + 21_600 - 60 < left <= 86_400 + 21_600


def test_change_of_a_batch_that_has_changed_meanwhile_is_not_written(
    stack: Stack, make_app: Callable[..., FastAPI]
) -> None:
    store = make_app().state.services.batches.store
    made = submit(stack, [("a.png", write(photo(*SOME_TILES))), ("b.png", b"no image")])
    wait_ended(stack, made["id"])
    before = store.get(made["id"])
    first, second = (
        replace(before, items=(replace(before.items[0], job_id=job_id), before.items[1]))
        for job_id in ("a" * 32, "b" * 32)
    )
    assert store.replace(before, first)
    assert not store.replace(before, second)
    assert store.get(made["id"]) == first
    with stack.database(1) as redis:
        assert redis.ttl(f"hiir:batch:{made['id']}") > 86_400
