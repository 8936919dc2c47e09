"""What is special about blobs in Redis; `test_blob_stores.py` tests what all stores promise."""

from collections.abc import Iterator

import numpy as np
import pytest
from redis import Redis

from service.embedded.redis import RedisServer
from service.errors import StoreFaultError, StoreFullError
from service.jobs.redis_blobs import RedisBlobStore
from service.settings import Settings

pytestmark = pytest.mark.integration
MIB = 2**20


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator["Redis[bytes]"]:
    """The blobs' database, emptied."""
    with Redis.from_url(f"{redis_server.url}/2") as client:
        client.flushdb()
        yield client


@pytest.fixture
def store(redis_server: RedisServer, redis: "Redis[bytes]") -> Iterator[RedisBlobStore]:
    store = RedisBlobStore.from_settings(Settings(redis_url=redis_server.url))
    yield store
    store.close()


def noise(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])
def test_chunks_are_small_and_expire(
    store: RedisBlobStore, redis: "Redis[bytes]", size: int
) -> None:
    blob = store.put([noise(size)], seconds=60)
    assert all(0 < redis.ttl(key) <= 60 for key in redis.scan_iter())
    assert max(redis.strlen(key) for key in redis.scan_iter()) <= MIB
    store.touch(blob, seconds=600)
    assert all(60 < redis.ttl(key) <= 600 for key in redis.scan_iter())
    store.delete(blob)
    assert not redis.keys()


def test_part_of_a_blob_without_one_of_its_chunks_is_gone(
    store: RedisBlobStore, redis: "Redis[bytes]"
) -> None:
    blob = store.put([noise(3 * MIB + 7)], seconds=60)
    redis.delete(f"hiir:blob:{blob.id}:3")
    assert store.open_part(blob, start=0, stop=1) is None


def test_same_id_replaces(store: RedisBlobStore, redis: "Redis[bytes]") -> None:
    first = store.put([noise(2 * MIB)], seconds=60, blob_id="x")
    assert store.put([noise(2 * MIB)], seconds=60, blob_id="x") == first
    assert len(redis.keys()) == 2


def test_blob_without_one_of_its_chunks_is_gone(
    store: RedisBlobStore, redis: "Redis[bytes]"
) -> None:
    blob = store.put([noise(3 * MIB)], seconds=60)
    redis.delete(f"hiir:blob:{blob.id}:1")
    assert store.open(blob) is None


def test_chunk_that_goes_while_it_is_read_is_an_error(
    store: RedisBlobStore, redis: "Redis[bytes]"
) -> None:
    blob = store.put([noise(3 * MIB)], seconds=60)
    pieces = store.open(blob)
    assert pieces is not None
    next(pieces)
    redis.flushdb()
    with pytest.raises(StoreFaultError):
        next(pieces)


def test_damage_never_looks_like_a_whole_file(store: RedisBlobStore, redis: "Redis[bytes]") -> None:
    blob = store.put([noise(3 * MIB)], seconds=60)
    redis.setrange(f"hiir:blob:{blob.id}:0", 5, b"damage")
    received = []
    with pytest.raises(StoreFaultError):
        received.extend(store.open(blob) or ())
    assert sum(map(len, received)) < blob.size


def test_failed_upload_leaves_nothing(store: RedisBlobStore, redis: "Redis[bytes]") -> None:
    def pieces() -> Iterator[bytes]:
        yield noise(2 * MIB)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        store.put(pieces(), seconds=60)
    assert not redis.keys()


def test_full_redis_takes_no_bytes_and_keeps_what_it_has(
    store: RedisBlobStore, redis: "Redis[bytes]"
) -> None:
    kept = store.put([noise(MIB)], seconds=60)
    limit = redis.config_get("maxmemory")["maxmemory"]
    used = redis.info("memory")["used_memory"]
    redis.config_set("maxmemory", used + 3 * MIB)
    try:
        with pytest.raises(StoreFullError):
            store.put([noise(4 * MIB)], seconds=60)
        assert redis.set("record", b"small") is True
        redis.delete("record")
    finally:
        redis.config_set("maxmemory", limit)
    assert b"".join(store.open(kept) or ()) == noise(MIB)
    assert len(redis.keys()) == 1


def test_small_file_takes_two_commands_to_store_and_one_to_read(
    store: RedisBlobStore, redis: "Redis[bytes]"
) -> None:
    content = noise(1000)
    store.put([content], seconds=60, size=len(content))  # connects
    redis.config_resetstat()
    blob = store.put([content], seconds=60, size=len(content))
    assert b"".join(store.open(blob) or ()) == content
    calls = {name: entry["calls"] for name, entry in redis.info("commandstats").items()}
    calls.pop("cmdstat_config|resetstat", None)
    assert calls == {"cmdstat_info": 1, "cmdstat_set": 1, "cmdstat_get": 1}


def test_damaged_or_absent_small_file_is_noticed(
    store: RedisBlobStore, redis: "Redis[bytes]"
) -> None:
    blob = store.put([noise(1000)], seconds=60)
    redis.setrange(f"hiir:blob:{blob.id}:0", 5, b"damage")
    with pytest.raises(StoreFaultError):
        b"".join(store.open(blob) or ())
    store.delete(blob)
    assert store.open(blob) is None
