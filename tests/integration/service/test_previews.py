"""Previews of upload and result, whatever their format."""

import io

import httpx
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.integration.service.stack import Stack, photo, write

pytestmark = pytest.mark.integration
SOME_TILES, MANY_TILES = (110, 160), (150, 200)


def preview(stack: Stack, job_id: str, of: str) -> httpx.Response:
    return stack.client.get(f"/v1/jobs/{job_id}/preview", params={"of": of})


def shown(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.format == "WEBP"
        return np.asarray(image).astype(int)


def looks_like(small: np.ndarray, pixels: np.ndarray) -> bool:
    """Whether blocks of pixels are alike: WebP keeps little of the noise of colors."""
    height, width, _ = small.shape
    assert small.shape == pixels.shape
    error = (small - pixels)[: height // 8 * 8, : width // 8 * 8]
    blocks = error.reshape(height // 8, 8, width // 8, 8, 3).mean(axis=(1, 3))
    return bool(np.abs(blocks).mean() < 3)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "JPEG"])
def test_upload_and_result_can_be_shown(stack: Stack, image_format: str) -> None:
    pixels = photo(*SOME_TILES)
    job_id = stack.submit(write(pixels, image_format), "identity")["id"]
    stack.wait_end(job_id)
    for of in ("input", "result"):
        answer = preview(stack, job_id, of)
        assert looks_like(shown(answer), pixels)
        assert answer.headers["etag"] == preview(stack, job_id, of).headers["etag"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = stack.client.get(
            f"/v1/jobs/{job_id}/preview?of={of}", headers={"if-none-match": answer.headers["etag"]}
        )
        assert again.status_code == 304


def test_sixteen_bits_and_large_sides_become_eight_bits_and_2048_pixels(stack: Stack) -> None:
    pixels = np.full((60, 3000, 3), (10_000, 30_000, 50_000), np.uint16)
    output = io.BytesIO()
    tifffile.imwrite(output, pixels, photometric="rgb")
    job_id = stack.submit(output.getvalue(), "identity", name="deep.tif")["id"]
    assert stack.wait_end(job_id)["status"] == "succeeded"
    for of in ("input", "result"):
        small = shown(preview(stack, job_id, of))
        assert small.shape == (41, 2048, 3)
        assert np.abs(small.reshape(-1, 3).mean(axis=0) - np.array([39, 117, 195])).max() < 2


def test_the_upload_can_be_shown_while_the_job_runs(stack: Stack) -> None:
    pixels = photo(*MANY_TILES)
    job_id = stack.submit(write(pixels, "TIFF"), "slow-identity")["id"]
    stack.wait_running(job_id)
    assert looks_like(shown(preview(stack, job_id, "input")), pixels)
    early = preview(stack, job_id, "result")
    assert (early.status_code, early.json()["code"]) == (409, "job-not-finished")
    stack.wait_end(job_id)


def test_nothing_is_left_of_a_deleted_a_canceled_and_a_failed_job(stack: Stack) -> None:
    before = stack.blob_keys()
    deleted = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    stack.wait_end(deleted)
    stack.client.delete(f"/v1/jobs/{deleted}")
    canceled = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    stack.wait_running(canceled)
    stack.client.post(f"/v1/jobs/{canceled}/cancel")
    stack.wait_end(canceled)
    failed = stack.submit(write(photo(*SOME_TILES)), "not-a-number")["id"]
    assert stack.wait_end(failed)["status"] == "failed"
    for job_id, status, code in (
        (deleted, 410, "result-expired"),
        (canceled, 409, "job-canceled"),
        (failed, None, stack.job(failed)["error"]["code"]),
    ):
        for of in ("input", "result"):
            answer = preview(stack, job_id, of)
            assert answer.json()["code"] == code
            assert status in {None, answer.status_code}
    assert stack.blob_keys() == before


def test_a_preview_of_something_else_is_refused(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    stack.wait_end(job_id)
    assert preview(stack, job_id, "middle").status_code == 400
    assert preview(stack, "0" * 32, "input").status_code == 404
