"""Moving averages of the seconds per megapixel, in a real Redis."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis

from service.capacity.job_work import JobWork, TileWork
from service.capacity.throughput import ThroughputStore
from service.embedded.redis import RedisServer
from service.settings import Settings

pytestmark = pytest.mark.integration
SHA = "a" * 64
WORK = JobWork(
    steps=(TileWork(model_sha256=SHA, any_size=False, pixels=2_000_000),),
    read_format="jpeg",
    read_pixels=4_000_000,
    written_format="png",
    written_pixels=1_000_000,
)


@pytest.fixture
def store(redis_server: RedisServer, redis: "Redis[str]") -> Iterator[ThroughputStore]:
    redis.delete("hiir:paces")
    store = ThroughputStore.from_settings(Settings(redis_url=redis_server.url))
    yield store
    store.close()


def test_first_job_sets_every_mean(store: ThroughputStore) -> None:
    store.record(WORK, image_pixels=[1_000_000], steps=[3.0], read=0.4, written=0.5)
    assert store.all() == {
        SHA: 3.0,
        f"tiles:fixed:{SHA}": 1.5,
        "read:jpeg": 0.1,
        "written:png": 0.5,
    }


def test_parts_that_became_faster_count_more_than_those_that_became_slower(
    store: ThroughputStore,
) -> None:
    store.record(WORK, image_pixels=[1_000_000], steps=[2.0], read=4.0, written=1.0)
    store.record(WORK, image_pixels=[1_000_000], steps=[4.0], read=2.0, written=1.0)
    assert store.all() == pytest.approx(
        {
            SHA: 2.0 + 0.2 * 2.0,
            f"tiles:fixed:{SHA}": 1.0 + 0.2 * 1.0,
            "read:jpeg": 1.0 - 0.5 * 0.5,
            "written:png": 1.0,
        }
    )
    store.record(WORK, image_pixels=[1_000_000], steps=[1.4], read=3.0, written=1.0)
    assert store.all()[SHA] == pytest.approx(2.4 - 0.2 * 1.0), "of the model all count alike"


def test_mean_of_the_other_way_to_serve_a_model_is_forgotten(store: ThroughputStore) -> None:
    store.record(WORK, image_pixels=[1_000_000], steps=[2.0], read=0.4, written=0.5)
    other = replace(WORK, steps=(replace(WORK.steps[0], any_size=True),))
    store.record(other, image_pixels=[1_000_000], steps=[2.0], read=0.4, written=0.5)
    assert f"tiles:any:{SHA}" in store.all()
    assert f"tiles:fixed:{SHA}" not in store.all()


def test_every_step_of_a_job_is_recorded(store: ThroughputStore) -> None:
    other = TileWork(model_sha256="b" * 64, any_size=True, pixels=4_000_000)
    chain = replace(WORK, steps=(*WORK.steps, other))
    store.record(
        chain, image_pixels=[1_000_000, 2_000_000], steps=[3.0, 8.0], read=0.4, written=0.5
    )
    assert store.all() == {
        SHA: 3.0,
        f"tiles:fixed:{SHA}": 1.5,
        "b" * 64: 4.0,
        f"tiles:any:{'b' * 64}": 2.0,
        "read:jpeg": 0.1,
        "written:png": 0.5,
    }


def test_a_job_without_steps_is_recorded_by_its_files(store: ThroughputStore) -> None:
    nothing = replace(WORK, steps=())
    store.record(nothing, image_pixels=[], steps=[], read=0.4, written=0.5)
    assert store.all() == {"read:jpeg": 0.1, "written:png": 0.5}


def test_a_job_is_recorded_in_one_command(store: ThroughputStore, redis: "Redis[str]") -> None:
    store.record(
        WORK, image_pixels=[1_000_000], steps=[2.0], read=0.4, written=0.5
    )  # loads the script
    redis.config_resetstat()
    store.record(WORK, image_pixels=[1_000_000], steps=[2.0], read=0.4, written=0.5)
    calls = {name: entry["calls"] for name, entry in redis.info("commandstats").items()}
    calls.pop("cmdstat_config|resetstat", None)
    # Those of the script are counted, too.
    assert calls == {"cmdstat_evalsha": 1, "cmdstat_hget": 4, "cmdstat_hset": 4, "cmdstat_hdel": 1}
