"""A job whose images are in a bucket, from a presigned upload to the end of its result."""

from collections.abc import Callable
from contextlib import closing
from hashlib import sha256

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.jobs.bucket_blobs import BucketBlobStore
from service.settings import Settings
from service.settings.bucket import BucketSettings
from tests.integration.service.buckets import keys_in
from tests.integration.service.callers import ask
from tests.integration.service.stack import Stack, photo, read, wait_until, write

pytestmark = pytest.mark.integration


def test_job_from_upload_to_expiry(
    stack: Stack, bucket: BucketSettings, bucket_worker: None, make_app: Callable[..., FastAPI]
) -> None:
    app = make_app(bucket=bucket.model_copy(update={"redirects": True}))

    def request(method: str, path: str, **more: object) -> httpx.Response:
        answer = ask(app, method, path, base_url="http://127.0.0.1", **more)
        assert answer.status_code < 400, answer.text
        return answer

    pixels = photo(110, 160)
    content = write(pixels)
    announced = {"size": len(content), "sha256": sha256(content).hexdigest()}
    upload = request("POST", "/v1/uploads", json=announced).json()
    with httpx.Client(trust_env=False, timeout=60) as outside:
        sent = outside.put(upload["url"], content=content, headers=upload["headers"])
        assert sent.status_code == 200
        before = stack.blob_keys()
        body = {"upload_id": upload["upload_id"], "task": "identity", "filename": "süd.png"}
        job = request("POST", "/v1/jobs", json=body).json()
        path = f"/v1/jobs/{job['id']}"
        wait_until(lambda: request("GET", path).json()["status"] == "succeeded", "the job to end")

        result = request("GET", f"{path}/result")
        np.testing.assert_array_equal(read(result.content), pixels)
        part = request("GET", f"{path}/result", headers={"range": "bytes=3-9"})
        assert (part.status_code, part.content) == (206, result.content[3:10])
        link = request("POST", f"{path}/links", json={"ttl": 60}).json()["url"]
        followed = request("GET", link)
        assert followed.status_code == 303
        assert followed.headers["cache-control"] == "no-store"
        direct = outside.get(followed.headers["location"])
        assert direct.content == result.content
        for header in ("content-type", "content-disposition"):
            assert direct.headers[header] == result.headers[header]
    assert stack.blob_keys() - before <= {b"hiir:objects"}

    request("DELETE", path)
    settings = Settings(redis_url=stack.redis_url, bucket=bucket)
    with closing(BucketBlobStore.from_settings(settings)) as blobs:
        blobs.sweep()
    # The file that was sent lives as long as its URL.
    assert {key.rpartition("/")[2] for key in keys_in(bucket)} == {upload["upload_id"]}
