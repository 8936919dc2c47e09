"""What is special about blobs in a bucket: when their objects go, and what Redis holds."""

import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import obstore
import pytest
from redis import Redis

from benchmarks.service.bucket_memory import MOST_BYTES, run, settings_of
from service.embedded.redis import RedisServer
from service.errors import StoreFaultError, StoreUnavailableError
from service.jobs.bucket_blobs import BucketBlobStore
from service.settings import RedisDatabase, Settings
from service.settings.bucket import BucketSettings
from tests.integration.service.buckets import PREFIX, bucket_settings, keys_in, whole_bucket

pytestmark = pytest.mark.integration
MIB = 2**20


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator["Redis[str]"]:
    """The blobs' database, emptied."""
    with Redis.from_url(f"{redis_server.url}/2", decode_responses=True) as client:
        client.flushdb()
        yield client


@pytest.fixture
def settings(redis_server: RedisServer, redis: "Redis[str]", bucket: BucketSettings) -> Settings:
    return Settings(redis_url=redis_server.url, bucket=bucket)


@pytest.fixture
def store(settings: Settings) -> Iterator[BucketBlobStore]:
    with closing(BucketBlobStore.from_settings(settings)) as store:
        yield store


def test_redis_holds_no_bytes(
    store: BucketBlobStore, redis: "Redis[str]", bucket: BucketSettings
) -> None:
    blob = store.put([bytes(20 * MIB)], seconds=60)
    assert redis.keys() == ["hiir:objects"]
    assert redis.memory_usage("hiir:objects") < 1000
    assert keys_in(bucket) == {f"{PREFIX}/{blob.id}"}


def test_sweep_deletes_what_has_expired_and_nothing_else(
    store: BucketBlobStore, redis: "Redis[str]", bucket: BucketSettings
) -> None:
    kept = store.put([b"kept"], seconds=60)
    deleted = store.put([b"deleted"], seconds=60)
    store.put([b"expired"], seconds=1)
    store.delete(deleted)
    assert len(keys_in(bucket)) == 3
    time.sleep(1.1)
    obstore.delete(whole_bucket(bucket), f"{PREFIX}/{deleted.id}")  # by another process
    assert store.sweep() == 2
    assert keys_in(bucket) == {f"{PREFIX}/{kept.id}"}
    assert redis.zrange("hiir:objects", 0, -1) == [kept.id]
    assert store.sweep() == 0


def test_sweep_that_fails_is_made_up_for_by_the_next(
    store: BucketBlobStore, settings: Settings, redis: "Redis[str]", bucket: BucketSettings
) -> None:
    store.delete(store.put([b"deleted"], seconds=60))
    away = settings.model_copy(update={"bucket": bucket_settings("http://127.0.0.1:9")})
    with (
        closing(BucketBlobStore.from_settings(away)) as unreachable,
        pytest.raises(StoreUnavailableError),
    ):
        unreachable.sweep()
    assert store.sweep() == 1
    assert not keys_in(bucket)


def test_object_that_is_gone_is_an_expired_blob(
    store: BucketBlobStore, bucket: BucketSettings
) -> None:
    blob = store.put([bytes(20 * MIB)], seconds=60)
    pieces = store.open(blob)
    assert pieces is not None
    obstore.delete(whole_bucket(bucket), f"{PREFIX}/{blob.id}")
    assert store.open(blob) is None
    assert store.copy(blob, seconds=60) is None
    next(pieces)
    with pytest.raises(StoreFaultError, match="expired"):
        next(pieces)


def test_bucket_that_is_away_or_missing_is_told_apart(settings: Settings) -> None:
    for changed, error in (
        ({"endpoint": "http://127.0.0.1:9"}, StoreUnavailableError),
        ({"url": "s3://no-such-bucket"}, StoreFaultError),
    ):
        bucket = settings.bucket.model_copy(update=changed)
        with (
            closing(
                BucketBlobStore.from_settings(settings.model_copy(update={"bucket": bucket}))
            ) as store,
            pytest.raises(error),
        ):
            store.put([b"bytes"], seconds=60)


def test_url_serves_the_file_with_its_headers(settings: Settings) -> None:
    bucket = settings.bucket.model_copy(update={"redirects": True})
    with closing(
        BucketBlobStore.from_settings(settings.model_copy(update={"bucket": bucket}))
    ) as store:
        headers = {
            "Content-Type": "image/png",
            "Content-Disposition": 'attachment; filename="a.png"',
        }
        for content in (b"small", bytes(20 * MIB)):
            blob = store.put([content], seconds=60, headers=headers)
            url = store.url_of(blob, seconds=60)
            assert url is not None
            answer = httpx.get(url, trust_env=False)
            assert answer.content == content
            assert (
                headers.items()
                <= {name.title(): value for name, value in answer.headers.items()}.items()
            )
        store.delete(blob)
        assert store.url_of(blob, seconds=60) is None


def test_process_that_forks_may_end_blobs(store: BucketBlobStore, settings: Settings) -> None:
    """The index alone is used for it: obstore's threads would be missing in the child."""
    blob, other = (store.put([b"bytes"], seconds=60) for _ in range(2))
    with closing(BucketBlobStore.from_settings(settings)) as parent:
        parent.delete(blob)
        parent.touch(other, seconds=90)
        assert "_bucket" not in vars(parent)
    assert store.open(blob) is None


def test_many_jobs_take_little_of_redis_and_leave_no_object(
    settings: Settings, bucket: BucketSettings
) -> None:
    """The benchmark runs 10,000; what each of them may take is 100 MB divided by that."""
    with Redis.from_url(settings.database_url(RedisDatabase.STATE)) as state:
        state.flushdb()
    many = settings_of(settings.redis_url.get_secret_value(), str(bucket.endpoint))
    figures = run(many.model_copy(update={"bucket": bucket}), jobs=40)
    assert (figures.objects, figures.left) == (120, 0)
    assert figures.job_bytes < MOST_BYTES / 10_000
    assert not keys_in(bucket)
