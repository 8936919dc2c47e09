"""Presigned URLs on a store that checks them: s3rver. moto accepts any signature."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from service.embedded.ports import choose_port
from service.embedded.redis import RedisServer
from service.jobs.bucket import Bucket
from service.jobs.bucket_blobs import BucketBlobStore
from service.settings import Settings
from service.settings.bucket import BucketSettings
from tests.integration.service.buckets import BUCKET, bucket_settings
from tests.integration.service.stack import wait_until

pytestmark = pytest.mark.integration
HERE = Path(__file__).parent / "s3rver"
START = """
const S3rver = require("@20minutes/s3rver");
const options = JSON.parse(process.argv[1]);
new S3rver(options).run();
"""


@pytest.fixture(scope="module")
def signing(
    tmp_path_factory: pytest.TempPathFactory, taken_ports: set[int]
) -> Iterator[BucketSettings]:
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules").is_dir():
        pytest.skip(f"Node or s3rver is not installed: run `npm ci` in {HERE.name}")
    port = choose_port(29_100, taken=taken_ports)
    options = {
        "port": port,
        "address": "127.0.0.1",
        "silent": True,
        "directory": str(tmp_path_factory.mktemp("s3rver")),
        "configureBuckets": [{"name": BUCKET}],
    }
    endpoint = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "s3rver ended"
        try:
            return httpx.get(endpoint, trust_env=False).status_code > 0
        except httpx.HTTPError:
            return False

    with subprocess.Popen([node, "-e", START, json.dumps(options)], cwd=HERE) as process:
        try:
            wait_until(answers, "s3rver to answer")
            yield bucket_settings(endpoint)
        finally:
            process.terminate()


def send(method: str, url: str, content: bytes | None = None) -> httpx.Response:
    return httpx.request(method, url, content=content, trust_env=False, timeout=60)


def test_url_allows_one_method_on_one_object(signing: BucketSettings) -> None:
    bucket = Bucket(signing)
    url = bucket.sign("PUT", "uploads/a", seconds=60)
    assert send("PUT", url, b"bytes").status_code == 200
    assert bucket.size_of("uploads/a") == 5
    assert send("GET", url).status_code == 403
    assert send("DELETE", url).status_code == 403
    assert send("PUT", url.replace("uploads/a", "uploads/b"), b"bytes").status_code == 403
    assert bucket.size_of("uploads/b") is None
    got = send("GET", bucket.sign("GET", "uploads/a", seconds=60))
    assert (got.status_code, got.content) == (200, b"bytes")


def test_tampered_url_is_refused(signing: BucketSettings) -> None:
    bucket = Bucket(signing)
    url = bucket.sign("PUT", "uploads/c", seconds=60)
    last = "0" if url[-1] != "0" else "1"
    for tampered in (
        url[:-1] + last,
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        url.replace("X-Amz-Date=2", "X-Amz-Date=3"),
    ):
        assert tampered != url
        assert send("PUT", tampered, b"bytes").status_code == 403
    assert bucket.size_of("uploads/c") is None


def test_expired_url_is_refused(signing: BucketSettings) -> None:
    bucket = Bucket(signing)
    url = bucket.sign("PUT", "uploads/d", seconds=1)
    time.sleep(2.5)
    assert send("PUT", url, b"bytes").status_code == 403
    assert bucket.size_of("uploads/d") is None


def test_blobs_can_be_kept_there(signing: BucketSettings, redis_server: RedisServer) -> None:
    """A second implementation of the protocol, beside moto's."""
    settings = Settings(redis_url=redis_server.url, bucket=signing)
    content = bytes(range(256)) * 70_000  # in three parts
    with closing(BucketBlobStore.from_settings(settings)) as store:
        blob = store.put([content], seconds=60)
        assert b"".join(store.open(blob) or ()) == content
        assert (
            b"".join(store.open_part(blob, start=5, stop=9_000_000) or ()) == content[5:9_000_000]
        )
        copied = store.copy(blob, seconds=60)
        assert copied is not None
        store.delete(blob)
        while store.sweep():
            pass
        assert store.open(blob) is None
        assert b"".join(store.open(copied) or ()) == content
