"""A dry run says what a submission leads to, and leaves nothing behind."""

import io
import time
from statistics import median
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.camera_raw import dng
from tests.integration.service.stack import Stack, photo, write
from tests.integration.service.test_photos import photographers_file

pytestmark = pytest.mark.integration


def post(
    stack: Stack, content: bytes, headers: dict[str, str] | None = None, **fields: str
) -> httpx.Response:
    return stack.client.post(
        "/v1/jobs", data=fields, files={"file": ("p", content)}, headers=headers or {}
    )


def predicted(stack: Stack, content: bytes, **fields: str) -> dict[str, Any]:
    answer = post(stack, content, dry_run="true", **fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def restored(stack: Stack, content: bytes, **fields: str) -> dict[str, Any]:
    answer = post(stack, content, **fields)
    assert answer.status_code == 202, answer.text
    job = stack.wait_end(answer.json()["id"])
    assert job["status"] == "succeeded", job
    return job


def spent(job: dict[str, Any]) -> float:
    """Seconds from the start to the end."""
    return sum(job["timings"][stage] for stage in ("decode", "restore", "encode", "store"))


def lossless_webp() -> bytes:
    output = io.BytesIO()
    Image.fromarray(photo(70, 90)).save(output, "WEBP", lossless=True)
    return output.getvalue()


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (write(photo(150, 200)), {"task": "identity"}),
        (write(photo(150, 200)), {"task": "super-resolution", "scale": "3", "format": "jpeg"}),
        (write(photo(150, 200)), {"task": "identity", "region": "70,80,90,64", "strength": "40"}),
        (write(photo(150, 200)[..., 0]), {"task": "denoise"}),
        (photographers_file()[0], {"task": "identity", "format": "webp"}),
        (photographers_file()[0], {"task": "identity", "region": "10,50,40,30"}),
        (lossless_webp(), {"task": "identity", "quality": "80"}),
        (
            dng(np.random.default_rng(0).integers(300, 4000, (48, 64), np.uint16)).getvalue(),
            {"task": "demosaic"},
        ),
    ],
    ids=range(8),
)
def test_it_says_what_the_job_then_does(
    stack: Stack, content: bytes, fields: dict[str, str]
) -> None:
    before = stack.stored()
    plan = predicted(stack, content, **fields)
    assert stack.stored() == before
    job = restored(stack, content, **fields)
    for name in ("task", "parameters", "model", "model_version", "model_sha256", "options"):
        assert plan[name] == job[name], name
    assert plan["output"] == {name: job["output"][name] for name in ("format", "width", "height")}
    assert plan["tiles"] == job["progress"]["tiles_total"]
    assert plan["warnings"] == job["warnings"]
    assert plan["megapixels"] == int(stack.record(job["id"])["pixels"]) / 1e6
    assert plan["wait_seconds"] == 0


def test_the_predicted_seconds_are_those_of_the_job(stack: Stack) -> None:
    content = write(photo(150, 200))
    # The models of the tests have one SHA-256, so that their times are mixed.
    for _ in range(4):
        restored(stack, content, task="slow-identity")
    time.sleep(1.1)  # the averages are read once a second
    for fields in (
        {"task": "slow-identity"},
        {"task": "slow-identity", "region": "10,10,60,60"},
        {"task": "slow-identity", "format": "jpeg", "region": "100,50,80,64"},
    ):
        rounds = [
            (
                predicted(stack, content, **fields)["seconds"],
                spent(restored(stack, content, **fields)),
            )
            for _ in range(5)
        ]
        # Times differ between rounds on a machine that does other work as well.
        seconds, actual = (median(values) for values in zip(*rounds, strict=True))
        assert actual / 3 < seconds < 3 * actual


def test_a_model_without_a_job_has_no_prediction_of_seconds(stack: Stack) -> None:
    stack.database(1).delete("hiir:paces")
    time.sleep(1.1)  # the backlog is read once a second
    assert predicted(stack, write(photo(40, 50)), task="identity")["seconds"] is None


def test_it_is_refused_as_the_job_would_be(stack: Stack) -> None:
    for content, fields, code in (
        (b"no image", {"task": "identity"}, "unsupported-image-format"),
        (write(photo(40, 50)), {"task": "super-resolution"}, "missing-parameter"),
        (write(photo(40, 50)), {"task": "identity", "webhook_url": "ftp://x"}, None),
        (write(photo(40, 50)), {"task": "identity", "dry_run": "maybe"}, "invalid-parameter"),
    ):
        answer = post(stack, content, **{"dry_run": "true", **fields})
        assert answer.status_code in {400, 415, 422}, answer.text
        assert code is None or answer.json()["code"] == code


def test_an_idempotency_key_is_not_used_up_and_an_id_is_refused(stack: Stack) -> None:
    content = write(photo(40, 50))
    key = {"Idempotency-Key": "trip-1-dry"}
    assert post(stack, content, key, task="identity", dry_run="true").status_code == 200
    answer = post(stack, content, key, task="identity")
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (202, False)
    answer = stack.client.put(
        "/v1/jobs/trip-2-dry",
        data={"task": "identity", "dry_run": "true"},
        files={"file": ("p", content)},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-parameter")
    assert stack.client.get("/v1/jobs/trip-2-dry").status_code == 404


def test_the_query_asks_for_one_beside_a_raw_body_and_batches_have_none(stack: Stack) -> None:
    content = write(photo(40, 50))
    answer = stack.client.post(
        "/v1/jobs?task=identity&dry_run=true",
        content=content,
        headers={"content-type": "image/png"},
    )
    assert (answer.status_code, answer.json()["tiles"]) == (200, 1)
    answer = stack.client.post(
        "/v1/batches", data={"task": "identity", "dry_run": "true"}, files=[("file", content)]
    )
    assert answer.json()["code"] == "unknown-parameter"
