"""A photo is analyzed, tasks are chosen for it, and several tasks are one job."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from skimage.data import chelsea

from tests.integration.service.stack import Stack, photo, read, write

pytestmark = pytest.mark.integration
CLEAN = chelsea()[:200:, :300]


def noisy(sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, CLEAN.shape)
    return (CLEAN + noise).clip(0, 255).round().astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    return write(pixels, "JPEG", quality=quality)


def post(stack: Stack, path: str, content: bytes, **fields: str) -> httpx.Response:
    return stack.client.post(path, data=fields, files={"file": ("p", content)})


def analyzed(stack: Stack, content: bytes) -> dict[str, Any]:
    answer = post(stack, "/v1/analyses", content)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def restored(stack: Stack, content: bytes, **fields: str) -> tuple[dict[str, Any], bytes]:
    """The job as a dry run has predicted it, and its result."""
    plan = post(stack, "/v1/jobs", content, dry_run="true", **fields)
    assert plan.status_code == 200, plan.text
    answer = post(stack, "/v1/jobs", content, **fields)
    assert answer.status_code == 202, answer.text
    job = stack.wait_end(answer.json()["id"])
    assert job["status"] == "succeeded", job
    predicted = plan.json()
    for name in ("task", "steps", "parameters", "model", "model_sha256", "options", "warnings"):
        assert predicted[name] == job[name], name
    assert predicted["tiles"] == job["progress"]["tiles_total"] == job["progress"]["tiles_done"]
    assert predicted["megapixels"] == int(stack.record(job["id"])["pixels"]) / 1e6
    shown = {name: job["output"][name] for name in ("format", "width", "height")}
    assert predicted["output"] == shown
    return job, stack.client.get(job["urls"]["result"]).content


def tasks_of(job: dict[str, Any]) -> list[str]:
    return [step["task"] for step in job["steps"]]


def test_an_analysis_measures_and_suggests_and_stores_nothing(stack: Stack) -> None:
    before = stack.stored()
    found = analyzed(stack, write(noisy(25)))
    assert found["suggestion"] == ["denoise"]
    assert found["noise_sigma"] == pytest.approx(25, rel=0.15)
    assert (found["format"], found["width"], found["height"]) == ("png", 300, 200)
    assert (found["jpeg_quality"], found["confidence"]["jpeg_quality"]) == (None, 0)
    assert found["confidence"]["noise_sigma"] > 0.8
    compressed = analyzed(stack, jpeg(CLEAN, 30))
    assert (compressed["jpeg_quality"], compressed["suggestion"]) == (30, ["jpeg-artifacts"])
    assert analyzed(stack, write(CLEAN))["suggestion"] == []
    assert stack.stored() == before
    assert stack.spooled() == set()


def test_an_analysis_takes_a_raw_body_and_the_frame_of_a_file(stack: Stack) -> None:
    frames = io.BytesIO()
    first, second = Image.fromarray(CLEAN), Image.fromarray(noisy(40))
    first.save(frames, "TIFF", save_all=True, append_images=[second])
    answer = stack.client.post(
        "/v1/analyses?frame=1", content=frames.getvalue(), headers={"content-type": "image/tiff"}
    )
    assert answer.json()["suggestion"] == ["denoise"]
    assert post(stack, "/v1/analyses", frames.getvalue()).json()["code"] == "too-many-frames"


def test_an_analysis_is_refused_as_a_job_would_be(stack: Stack) -> None:
    for content, fields, status, code in (
        (b"no image", {}, 415, "unsupported-image-format"),
        (write(CLEAN)[:2000], {}, 422, "image-truncated"),
        (write(photo(8, 8)), {}, 422, "image-too-small"),
        (write(CLEAN), {"task": "auto"}, 422, "unknown-parameter"),
        (write(CLEAN), {"frame": "x"}, 422, "invalid-parameter"),
    ):
        answer = post(stack, "/v1/analyses", content, **fields)
        assert (answer.json()["code"], answer.status_code) == (code, status)
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_auto_does_what_is_suggested(stack: Stack) -> None:
    job, result = restored(stack, write(noisy(25)), task="auto")
    assert (job["task"], tasks_of(job), job["model"]) == ("auto", ["denoise"], "denoise-color")
    np.testing.assert_array_equal(read(result), noisy(25))  # by an identity
    job, _ = restored(stack, jpeg(CLEAN, 10), task="auto", format="png")
    assert tasks_of(job) == ["jpeg-artifacts"]
    job, _ = restored(stack, jpeg(noisy(25), 60), task="auto", strength="70", metadata="strip")
    assert tasks_of(job) == ["jpeg-artifacts", "denoise"]
    assert job["progress"]["tile_grid"] is None


def test_auto_leaves_a_fine_photo_as_it_is(stack: Stack) -> None:
    for content in (write(CLEAN), jpeg(CLEAN, 95)):
        job, result = restored(stack, content, task="auto")
        assert result == content
        assert (job["steps"], job["model"], job["parameters"]) == ([], None, {})
        assert [warning["code"] for warning in job["warnings"]] == ["nothing-suggested"]
        assert "x-model" not in stack.client.get(job["urls"]["result"]).headers
    job, result = restored(stack, write(CLEAN), task="auto", region="20,30,100,50", format="tiff")
    np.testing.assert_array_equal(read(result), CLEAN[30:80, 20:120])
    assert {warning["code"] for warning in job["warnings"]} >= {"nothing-suggested"}
    job, result = restored(stack, write(CLEAN), task="auto", bit_depth="16", strength="0")
    assert job["output"]["format"] == "png"


def test_a_batch_chooses_for_each_file(stack: Stack) -> None:
    files = [("file", ("a", write(CLEAN))), ("file", ("b", write(noisy(40))))]
    answer = stack.client.post("/v1/batches", data={"task": "auto"}, files=files)
    assert answer.status_code == 202, answer.text
    jobs = [stack.wait_end(item["job_id"]) for item in answer.json()["items"]]
    assert [tasks_of(job) for job in jobs] == [[], ["denoise"]]
    assert {job["status"] for job in jobs} == {"succeeded"}
    chained = stack.client.post("/v1/batches", data={"tasks": "blurring,denoise"}, files=files)
    jobs = [stack.wait_end(item["job_id"]) for item in chained.json()["items"]]
    assert [job["task"] for job in jobs] == ["chain", "chain"]
    assert [tasks_of(job) for job in jobs] == [["blurring", "denoise"]] * 2


@pytest.mark.parametrize("pixels", [CLEAN, CLEAN[..., 1]], ids=["color", "gray"])
def test_a_chain_equals_the_jobs_one_after_the_other(stack: Stack, pixels: np.ndarray) -> None:
    deep = {"bit_depth": "16", "format": "png", "strength": "60"}
    tasks = "jpeg-artifacts,blurring,super-resolution:2,blurring"
    job, chained = restored(stack, write(pixels), tasks=tasks, **deep)
    content = write(pixels)
    for task in tasks.split(","):
        name, _, scale = task.partition(":")
        fields = {"task": name, **deep} | ({"scale": scale} if scale else {})
        _, content = restored(stack, content, **fields)
    np.testing.assert_array_equal(read16(chained), read16(content))
    assert read16(chained).dtype == np.uint16
    assert tasks_of(job) == ["jpeg-artifacts", "blurring", "super-resolution", "blurring"]
    assert job["steps"][2]["parameters"] == {"scale": "2"}
    assert {step["model_version"] for step in job["steps"]} == {"1"}
    area = 200 * 300
    assert int(stack.record(job["id"])["pixels"]) == area * (1 + 1 + 1 + 4)
    result = stack.client.get(job["urls"]["result"])
    assert result.headers["x-model"] == "jpeg-color,blurring,sr-x2,blurring"


def test_a_region_of_a_chain_is_that_part_of_its_result(stack: Stack) -> None:
    tasks = {"tasks": "blurring,super-resolution:2,blurring", "bit_depth": "16", "format": "png"}
    _, whole = restored(stack, write(CLEAN), **tasks)
    job, part = restored(stack, write(CLEAN), region="120,70,60,40", **tasks)
    np.testing.assert_array_equal(read16(part), read16(whole)[140:220, 240:360])
    assert int(stack.record(job["id"])["pixels"]) < 200 * 300 * 6 / 2


def test_what_a_chain_cannot_do_is_refused_at_submit(stack: Stack) -> None:
    for fields, code in (
        ({"tasks": "denoise,denoise,denoise,denoise,denoise"}, "invalid-parameter"),
        ({"tasks": "denoise", "task": "denoise"}, "invalid-parameter"),
        ({"tasks": "denoise,sharpen"}, "unknown-task"),
        ({"tasks": ",".join(["super-resolution:3"] * 4)}, "result-too-large"),
        ({"task": "auto", "scale": "2"}, "unknown-parameter"),
    ):
        answer = post(stack, "/v1/jobs", write(photo(150, 200)), **fields)
        assert answer.json()["code"] == code, answer.text
    early = stack.client.post(
        "/v1/jobs?tasks=denoise,sharpen", content=b"x", headers={"content-type": "image/png"}
    )
    assert early.json()["code"] == "unknown-task"


def read16(content: bytes) -> np.ndarray:
    """Decode without the reduction to 8 bits of Pillow."""
    import pyvips

    image = pyvips.Image.new_from_buffer(content, "")
    return image.numpy()
