"""What every store of blobs promises: bytes come back whole, or not at all."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from redis import Redis

from service.embedded.redis import RedisServer
from service.errors import StoreFaultError
from service.jobs.blob_stores import open_blob_store
from service.jobs.blobs import BlobStore
from service.jobs.stored_image import Blob
from service.settings import Settings

pytestmark = pytest.mark.integration
MIB = 2**20


@pytest.fixture(params=["redis", "bucket"])
def settings(request: pytest.FixtureRequest, redis_server: RedisServer) -> Settings:
    with Redis.from_url(f"{redis_server.url}/2") as client:
        client.flushdb()
    if request.param == "redis":
        return Settings(redis_url=redis_server.url)
    return Settings(redis_url=redis_server.url, bucket=request.getfixturevalue("bucket"))


@pytest.fixture
def store(settings: Settings) -> Iterator[BlobStore]:
    with closing(open_blob_store(settings)) as store:
        yield store


def noise(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


def read(store: BlobStore, blob: Blob) -> bytes | None:
    pieces = store.open(blob)
    return None if pieces is None else b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 8 * MIB, 17 * MIB + 7])
def test_bytes_come_back_in_any_pieces(store: BlobStore, size: int) -> None:
    content = noise(size)
    pieces = (content[start : start + 300_001] for start in range(0, size, 300_001))
    blob = store.put(pieces, seconds=60)
    assert (blob.size, blob.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert read(store, blob) == content
    store.delete(blob)
    assert read(store, blob) is None
    store.delete(blob)


def test_part_is_the_same_bytes_across_chunks(store: BlobStore) -> None:
    content = noise(9 * MIB + 7)
    blob = store.put([content], seconds=60)
    edges = (0, 1, MIB - 1, MIB, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, blob.size)
    for start in edges:
        for stop in edges:
            if start < stop:
                pieces = store.open_part(blob, start=start, stop=stop)
                assert b"".join(pieces or ()) == content[start:stop], (start, stop)
    store.delete(blob)
    assert store.open_part(blob, start=0, stop=1) is None


def test_blob_expires_unless_it_is_touched(store: BlobStore) -> None:
    short, kept, never = (store.put([noise(9)], seconds=1) for _ in range(3))
    store.touch(kept, seconds=60)
    store.touch(never, seconds=60)
    store.touch(never, seconds=1)  # a lifetime can be shortened too
    time.sleep(1.2)
    assert read(store, kept) == noise(9)
    assert [read(store, blob) for blob in (short, never)] == [None, None]
    store.touch(short, seconds=60)
    assert read(store, short) is None


def test_same_id_replaces(store: BlobStore) -> None:
    first = store.put([noise(2 * MIB)], seconds=60, blob_id="x")
    second = store.put([noise(MIB)], seconds=60, blob_id="x")
    assert first.id == second.id
    assert read(store, second) == noise(MIB)


def test_copy_outlives_the_original(store: BlobStore) -> None:
    blob = store.put([noise(9 * MIB)], seconds=60)
    copied = store.copy(blob, seconds=60)
    assert copied is not None
    assert (copied.id != blob.id, copied.size, copied.sha256) == (True, blob.size, blob.sha256)
    store.delete(blob)
    assert store.copy(blob, seconds=60) is None
    assert read(store, copied) == noise(9 * MIB)


@pytest.mark.parametrize("size", [100, 20 * MIB])
def test_damage_never_looks_like_a_whole_file(store: BlobStore, size: int) -> None:
    blob = store.put([noise(size)], seconds=60, blob_id="x")
    store.put([noise(size)[:-1] + b"?"], seconds=60, blob_id="x")
    received: list[bytes] = []
    with pytest.raises(StoreFaultError, match="damaged"):
        received.extend(store.open(blob) or ())
    assert sum(map(len, received)) < blob.size


@pytest.mark.parametrize("size", [MIB, 20 * MIB])
def test_failed_put_leaves_nothing(store: BlobStore, size: int) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(0, size, MIB):
            yield noise(MIB)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        store.put(pieces(), seconds=60, blob_id="x")
    assert read(store, Blob(id="blobs/x", size=1, sha256="")) is None
    assert read(store, Blob(id="x", size=1, sha256="")) is None
