"""Batches: each file for itself, one place to look, one archive, another try for what failed."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.limits import TenantLimits
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
        assert (item["model"], item["bytes"]) == ("identity", len(content))
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
    early = stack.client.get(f"/v1/batches/{made['id']}/results.zip")
    assert (early.status_code, early.json()["code"]) == (409, "batch-not-finished")
    assert int(early.headers["retry-after"]) > 0
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


def test_jobs_of_batches_have_a_limit_of_their_own(
    stack: Stack, make_app: Callable[..., FastAPI], make_key: MakeKey
) -> None:
    stack.worker.kill()
    app = make_app(auth=AuthMode.KEYS, tenants=TenantLimits(open_jobs=1, open_batch_jobs=2))
    key = make_key("museum")
    files = 3 * [("file", ("a.png", PNG))]
    form = {"data": {"task": "identity"}, "files": files}
    made = ask(app, "POST", "/v1/batches", key=key, **form).json()
    assert [item["status"] for item in made["items"]] == ["queued", "queued", "refused"]
    assert made["items"][2]["error"]["code"] == "too-many-jobs"
    assert post(app, key).status_code == 202, "a single job has a place of its own"
    none = ask(app, "POST", "/v1/batches", key=key, **form)
    assert (none.status_code, none.json()["code"]) == (429, "too-many-jobs")
    canceled = ask(app, "DELETE", made["urls"]["self"], key=key).json()
    assert some_counts(canceled) == {"canceled": 2, "refused": 1}
    assert ask(app, "POST", "/v1/batches", key=key, **form).status_code == 202


def test_batch_lives_as_long_as_its_jobs_can(stack: Stack) -> None:
    made = submit(stack, [("a.png", write(photo(*SOME_TILES)))])
    with stack.database(1) as redis:
        left = redis.ttl(f"hiir:batch:{made['id']}")
    assert 86_400 + 21_600 - 60 < left <= 86_400 + 21_600
