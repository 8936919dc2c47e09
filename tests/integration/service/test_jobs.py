"""A job's life over HTTP: sent, followed, fetched, canceled."""

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.integration.service.stack import Stack, photo, read, wait_until, write

pytestmark = pytest.mark.integration
SOME_TILES = (110, 160)  # 2 x 3 of 64 pixels
MANY_TILES = (250, 350)  # 5 x 7


def test_form_is_answered_with_where_to_look_and_restored(stack: Stack) -> None:
    pixels = photo(*SOME_TILES)
    content = write(pixels)
    answer = stack.client.post(
        "/v1/jobs", data={"task": "identity"}, files={"file": ("a b.png", content)}
    )
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["urls"]["self"]
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert answer.headers["x-request-id"]
    assert job["input"] == {
        "format": "png",
        "width": 160,
        "height": 110,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    ended = stack.ends_succeeded_once(job["id"], pixels)
    assert ended["attempt"] == 1
    assert ended["progress"] == {
        "stage": "done",
        "tiles_done": 6,
        "tiles_total": 6,
        "tile_grid": {"columns": 3, "rows": 2},
        "percent": 100,
    }
    timings = ended["timings"]
    parts = {"tile", "infer", "blend"}
    assert set(timings) == {"decode", "restore", "encode", "store", *parts}
    assert sum(timings[part] for part in parts) <= timings["restore"] + 0.002
    assert timings["infer"] > 0
    assert ended["queue_position"] is None
    assert ended["error"] is None


def test_raw_body_is_restored(stack: Stack) -> None:
    pixels = photo(*SOME_TILES, seed=1)
    answer = stack.client.post(
        "/v1/jobs?task=identity", content=write(pixels), headers={"content-type": "image/png"}
    )
    assert answer.status_code == 202, answer.text
    stack.ends_succeeded_once(answer.json()["id"], pixels)


def test_body_without_a_declared_length_is_restored(stack: Stack) -> None:
    pixels = photo(*SOME_TILES, seed=2)
    content = write(pixels)
    pieces = (content[start : start + 5000] for start in range(0, len(content), 5000))
    answer = stack.client.post(
        "/v1/jobs?task=identity",
        content=pieces,
        headers={"content-type": "application/octet-stream"},
    )
    assert answer.status_code == 202, answer.text
    stack.ends_succeeded_once(answer.json()["id"], pixels)


def test_result_names_itself_and_is_not_sent_twice(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity", name="gräs?.png")["id"]
    output = stack.wait_end(job_id)["output"]
    answer = stack.client.get(f"/v1/jobs/{job_id}/result")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert answer.headers["content-length"] == str(len(answer.content)) == str(output["bytes"])
    assert answer.headers["cache-control"].startswith("private, max-age=")
    disposition = answer.headers["content-disposition"]
    assert "filename*=UTF-8''gr%C3%A4s%3F-restored.png" in disposition
    assert 'filename="gr_s_-restored.png"' in disposition
    again = stack.client.get(
        f"/v1/jobs/{job_id}/result", headers={"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    assert not again.content


def test_interrupted_download_goes_on_where_it_stopped(stack: Stack) -> None:
    # Of noise, so that the file has more than one chunk of the store.
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    job_id = stack.submit(write(noise), "huge-identity")["id"]
    stack.wait_end(job_id)
    url = f"/v1/jobs/{job_id}/result"
    whole = stack.client.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    assert 3000 < int(whole.headers["cache-control"].removeprefix("private, max-age=")) <= 3600
    size, etag = len(whole.content), whole.headers["etag"]
    assert size > 1_500_000
    got = b""
    for start in range(0, size, 700_000):
        asked = {"range": f"bytes={start}-{start + 699_999}", "if-range": etag}
        answer = stack.client.get(url, headers=asked)
        assert answer.status_code == 206
        last = min(start + 700_000, size) - 1
        assert answer.headers["content-range"] == f"bytes {start}-{last}/{size}"
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.headers["etag"] == etag
        got += answer.content
    assert got == whole.content
    changed = stack.client.get(url, headers={"range": "bytes=0-1", "if-range": '"other"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    behind = stack.client.get(url, headers={"range": f"bytes={size}-"})
    assert (behind.status_code, behind.json()["code"]) == (416, "range-not-satisfiable")
    assert behind.headers["content-range"] == f"bytes */{size}"


def test_jpeg_comes_back_as_jpeg_with_its_exif_orientation_applied(stack: Stack) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    content = write(photo(*SOME_TILES), "JPEG", exif=exif)
    job_id = stack.submit(content, "identity", name="photo.jpg")["id"]
    output = stack.wait_end(job_id)["output"]
    assert output["format"] == "jpeg"
    assert (output["width"], output["height"]) == (110, 160)
    assert read(stack.result(job_id)).shape == (160, 110, 3)


def test_progress_counts_tiles_and_never_falls(stack: Stack) -> None:
    pixels = photo(*MANY_TILES)
    job_id = stack.submit(write(pixels), "slow-identity")["id"]
    seen = []

    def has_ended() -> bool:
        job = stack.job(job_id)
        seen.append((job["progress"]["tiles_done"], job["progress"]["percent"]))
        return job["status"] not in {"queued", "running"}

    wait_until(has_ended, "the job to end")
    assert seen == sorted(seen)
    assert len({done for done, _ in seen}) > 3, seen
    assert seen[-1] == (35, 100)
    assert all(percent < 100 for done, percent in seen if done < 35)
    stack.ends_succeeded_once(job_id, pixels)


def test_progress_is_written_at_most_twice_a_second(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    stack.wait_running(job_id)
    writes: list[tuple[float, str]] = []

    def has_seen_enough() -> bool:
        record = stack.record(job_id)
        if not writes or record["tiles_done"] != writes[-1][1]:
            writes.append((time.monotonic(), record["tiles_done"]))
        return len(writes) > 4 or record["status"] != "running"

    wait_until(has_seen_enough, "some tiles to be done", pause_s=0.01)
    assert len(writes) > 4
    seconds = writes[-1][0] - writes[1][0]
    assert seconds / (len(writes) - 2) > 0.4
    stack.client.delete(f"/v1/jobs/{job_id}")
    stack.wait_end(job_id)


KEPT = ("result", "source_preview", "result_preview")


def test_finished_jobs_leave_their_result_alone(stack: Stack) -> None:
    before = stack.blob_keys()
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    stack.wait_end(job_id)
    record = stack.record(job_id)
    kept = {json.loads(record[name])["blob"]["id"] for name in KEPT}

    def blobs() -> set[bytes]:
        return stack.blob_keys() - before

    # The upload goes right after the end is written.
    wait_until(lambda: len(blobs()) == len(kept), "the upload to be deleted")
    assert {blob.decode().split(":")[2] for blob in blobs()} == kept
    with stack.database(2) as redis:
        for blob in blobs():
            assert 4100 < redis.ttl(blob) <= 4200


def test_many_jobs_at_once_each_get_their_own_pixels(stack: Stack) -> None:
    photos = [photo(*SOME_TILES, seed=seed) for seed in range(12)]
    with ThreadPoolExecutor(6) as senders:
        jobs = list(senders.map(lambda pixels: stack.submit(write(pixels), "identity"), photos))
    for job, pixels in zip(jobs, photos, strict=True):
        stack.ends_succeeded_once(job["id"], pixels)


def test_canceled_queued_job_never_runs(stack: Stack) -> None:
    content = write(photo(*MANY_TILES))
    busy = [stack.submit(content, "slow-identity")["id"] for _ in range(2)]
    waiting = stack.submit(content, "identity")
    source = json.loads(stack.record(waiting["id"])["source"])["blob"]["id"]
    assert waiting["queue_position"] is not None
    answer = stack.client.delete(f"/v1/jobs/{waiting['id']}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "canceled"
    assert answer.json()["attempt"] == 0
    assert not any(source in key.decode() for key in stack.blob_keys())
    again = stack.client.delete(f"/v1/jobs/{waiting['id']}")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")
    for job_id in busy:
        assert stack.client.delete(f"/v1/jobs/{job_id}").status_code in {200, 202}
        assert stack.wait_end(job_id)["status"] == "canceled"
    assert stack.job(waiting["id"])["status"] == "canceled"
    refused = stack.client.get(f"/v1/jobs/{waiting['id']}/result")
    assert (refused.status_code, refused.json()["code"]) == (409, "job-canceled")


def test_canceled_running_job_stops_between_its_tiles(stack: Stack) -> None:
    before = stack.blob_keys()
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    stack.wait_running(job_id)
    answer = stack.client.delete(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    ended = stack.wait_end(job_id)
    assert ended["status"] == "canceled"
    assert ended["progress"]["tiles_done"] < ended["progress"]["tiles_total"]
    wait_until(lambda: stack.blob_keys() <= before, "the upload to be deleted")


def test_deleted_finished_job_is_gone_but_known(stack: Stack) -> None:
    before = stack.blob_keys()
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    stack.wait_end(job_id)
    answer = stack.client.delete(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json()["purged"]) == (200, True)
    assert stack.client.delete(f"/v1/jobs/{job_id}").status_code == 200
    assert stack.job(job_id)["status"] == "succeeded"
    gone = stack.client.get(f"/v1/jobs/{job_id}/result")
    assert (gone.status_code, gone.json()["code"]) == (410, "result-expired")
    assert stack.blob_keys() <= before


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/result"), ("DELETE", "")],
)
def test_unknown_job_is_not_found(stack: Stack, method: str, path: str) -> None:
    answer = stack.client.request(method, f"/v1/jobs/{'0' * 32}{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "job-not-found"


def test_result_of_a_job_that_runs_is_not_there_yet(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    answer = stack.client.get(f"/v1/jobs/{job_id}/result")
    assert (answer.status_code, answer.json()["code"]) == (409, "job-not-finished")
    assert answer.json()["retryable"] is True
    assert int(answer.headers["retry-after"]) >= 1
    stack.client.delete(f"/v1/jobs/{job_id}")
    stack.wait_end(job_id)


def test_gray_image_comes_back_gray(stack: Stack) -> None:
    gray = photo(*SOME_TILES)[..., 0]
    job_id = stack.submit(write(gray), "identity")["id"]
    assert stack.wait_end(job_id)["status"] == "succeeded"
    np.testing.assert_array_equal(read(stack.result(job_id)), gray)
