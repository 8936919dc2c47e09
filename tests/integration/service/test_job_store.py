"""Jobs in a real Redis: who may change what, and when."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from redis import Redis

from service.errors import InputExpiredError, StoreUnavailableError
from service.jobs.job import Failure, Job, JobStatus, Outcome, Progress, Stage
from service.jobs.lease import Lease, LeaseState
from service.jobs.priority import Priority
from service.jobs.store import JobStore
from service.settings import Settings
from tests.integration.service.stored_jobs import IMAGE, new_job

pytestmark = pytest.mark.integration
SUCCESS = Outcome(
    status=JobStatus.SUCCEEDED,
    timings={"decode": 0.5},
    progress=Progress(tiles_total=9, tile_columns=3),
    result=IMAGE,
)
FAILURE = Outcome(
    status=JobStatus.FAILED, timings={}, failure=Failure.from_error(InputExpiredError("Gone."))
)
CANCELED = Outcome(status=JobStatus.CANCELED, timings={})
OpenStore = Callable[..., JobStore]


def create(store: JobStore, **changes: object) -> Job:
    job = new_job(**changes)  # type: ignore[arg-type]
    store.create(job)
    return job


def lease(store: JobStore, job: Job) -> Lease:
    """Take the next job, which must be this one."""
    taken = store.claim("one")
    assert taken is not None
    assert taken.job.id == job.id
    return taken


def get(store: JobStore, job: Job) -> Job:
    found = store.get(job.id)
    assert found is not None
    return found


def test_record_is_read_as_it_was_written(store: JobStore) -> None:
    job = create(store, filename="ä/b.png")
    assert get(store, job) == job
    assert store.get("unknown") is None


def test_queue_is_in_order_of_creation(store: JobStore) -> None:
    second = create(store, created_at=200.0)
    first = create(store, created_at=100.0)
    assert store.turns.depth(Priority.INTERACTIVE) == 2
    assert [store.turns.position(job.id) for job in (first, second)] == [0, 1]
    lease(store, first)
    assert store.turns.position(first.id) is None
    assert store.turns.position(second.id) == 0


def test_job_is_made_once(store: JobStore) -> None:
    job = create(store)
    assert store.create(job), "the same call again, because its reply was lost"
    other = replace(IMAGE, blob=replace(IMAGE.blob, id="e" * 32))
    assert not store.create(replace(job, source=other))
    assert get(store, job) == job


def test_jobs_are_listed_newest_first_and_only_their_tenants(store: JobStore) -> None:
    made = [create(store, tenant="a", created_at=1000.0 + number // 2) for number in range(7)]
    create(store, tenant="b", created_at=1001.0)
    expected = sorted(((job.created_at, job.id) for job in made), reverse=True)
    seen, position = [], None
    for _ in range(10):
        jobs, position = store.newest("a", before=position, count=2)
        seen += [(job.created_at, job.id) for job in jobs]
        if position is None:
            break
    assert seen == expected
    assert store.newest("c", before=None, count=5) == ([], None)


def test_list_forgets_jobs_whose_record_has_expired(store: JobStore, redis: "Redis[str]") -> None:
    gone = [create(store, created_at=100.0 + number) for number in range(4)]
    for job in gone:
        redis.delete(f"hiir:job:{job.id}")
    kept = [create(store), create(store)]
    assert redis.zcard("hiir:jobs:open") == 2
    assert {job.id for job in store.newest("open", before=None, count=9)[0]} == {
        job.id for job in kept
    }


def test_one_of_many_gets_the_lease(store: JobStore) -> None:
    for _ in range(20):
        job = create(store)
        with ThreadPoolExecutor(8) as workers:
            taken = list(workers.map(lambda _: store.claim("w"), range(8)))
        assert sum(found is not None for found in taken) == 1
        assert get(store, job).attempt == 1


def test_leased_job_runs(store: JobStore) -> None:
    taken = lease(store, create(store))
    assert taken.job.status is JobStatus.RUNNING
    assert taken.job.progress.stage is Stage.DECODE
    assert taken.job.started_at == pytest.approx(time.time(), abs=60)


def test_unknown_or_discarded_job_is_not_leased(store: JobStore, redis: "Redis[str]") -> None:
    job = create(store)
    store.discard(job)
    assert store.claim("w") is None
    left = set(redis.keys("*")) - {"hiir:tenant-events:open"}  # expires soon
    assert not left, "a fragment of a record has come to life"


def test_progress_never_falls(store: JobStore) -> None:
    taken = lease(store, create(store))
    for done in (5, 3):
        progress = Progress(stage=Stage.RESTORE, tiles_done=done, tiles_total=9)
        assert store.report(taken, progress) is LeaseState.HELD
    assert get(store, taken.job).progress == Progress(
        stage=Stage.RESTORE, tiles_done=5, tiles_total=9
    )


@pytest.mark.parametrize("outcome", [SUCCESS, FAILURE, CANCELED])
def test_job_ends_once(store: JobStore, outcome: Outcome) -> None:
    taken = lease(store, create(store))
    assert store.finish(taken, outcome) is LeaseState.HELD
    ended = get(store, taken.job)
    assert ended.status is outcome.status
    assert ended.result == outcome.result
    assert ended.failure == outcome.failure
    for again in (SUCCESS, FAILURE, CANCELED):
        store.finish(taken, again)
        assert get(store, taken.job) == ended
    assert store.report(taken) is LeaseState.LOST
    assert store.requeue(taken) is LeaseState.LOST
    assert store.claim("w") is None
    store.cancel(taken.job.id)
    assert get(store, taken.job).status is outcome.status


def test_script_whose_reply_was_lost_answers_again(store: JobStore) -> None:
    taken = lease(store, create(store))
    assert [store.finish(taken, SUCCESS) for _ in range(2)] == [LeaseState.HELD] * 2
    other = lease(store, create(store))
    assert [store.requeue(other) for _ in range(2)] == [LeaseState.HELD] * 2
    assert get(store, other.job).attempt == 0


def test_holder_that_lost_its_lease_can_change_nothing(open_store: OpenStore) -> None:
    store = open_store(lease_seconds=0.05)
    job = create(store)
    old = lease(store, job)
    time.sleep(0.1)
    (taken,) = store.reclaim_expired()
    assert taken.status is JobStatus.QUEUED
    new = lease(store, job)
    assert new.job.attempt == 2
    before = get(store, job)
    progress = Progress(stage=Stage.STORE, tiles_done=9, tiles_total=9)
    assert store.report(old, progress) is LeaseState.LOST
    assert store.finish(old, SUCCESS) is LeaseState.LOST
    assert store.requeue(old) is LeaseState.LOST
    assert get(store, job) == before
    assert store.finish(new, SUCCESS) is LeaseState.HELD


def test_report_keeps_the_lease(open_store: OpenStore) -> None:
    store = open_store(lease_seconds=3)
    taken = lease(store, create(store))
    for _ in range(5):
        time.sleep(0.8)
        assert store.report(taken) is LeaseState.HELD
        assert store.reclaim_expired() == ()


def test_job_is_given_up_after_its_attempts(open_store: OpenStore) -> None:
    store = open_store(lease_seconds=0.02, max_attempts=2)
    job = create(store)
    for expected in (JobStatus.QUEUED, JobStatus.FAILED):
        lease(store, job)
        time.sleep(0.05)
        (taken,) = store.reclaim_expired()
        assert taken.status is expected
    ended = get(store, job)
    assert ended.failure is not None
    assert ended.failure.code == "worker-lost"
    assert ended.finished_at is not None
    assert store.reclaim_expired() == ()


def test_silent_job_that_was_to_stop_is_canceled(open_store: OpenStore) -> None:
    store = open_store(lease_seconds=0.02)
    job = create(store)
    lease(store, job)
    store.cancel(job.id)
    time.sleep(0.05)
    (taken,) = store.reclaim_expired()
    assert taken.status is JobStatus.CANCELED


def test_released_job_counts_no_attempt(store: JobStore) -> None:
    job = create(store)
    for _ in range(5):
        taken = lease(store, job)
        assert taken.job.attempt == 1
        assert store.requeue(taken) is LeaseState.HELD
    assert store.turns.position(job.id) == 0


def test_cancellation_by_state(store: JobStore) -> None:
    running, done, waiting = create(store), create(store), create(store)
    taken = lease(store, running)
    store.finish(lease(store, done), SUCCESS)
    found = [store.cancel(job.id) for job in (waiting, running, done)]
    assert [job.status for job in found if job] == ["queued", "running", "succeeded"]
    assert get(store, waiting).status is JobStatus.CANCELED
    assert store.turns.depth(Priority.INTERACTIVE) == 0
    assert store.claim("w") is None
    assert get(store, running).cancel_requested
    assert store.report(taken) is LeaseState.STOP
    assert store.finish(taken, SUCCESS) is LeaseState.STOP
    assert store.requeue(taken) is LeaseState.STOP
    assert store.finish(taken, CANCELED) is LeaseState.HELD
    assert get(store, done).purged
    assert store.cancel("unknown") is None


def test_record_expires_only_after_the_end(open_store: OpenStore, redis: "Redis[str]") -> None:
    store = open_store(record_seconds=7200, result_seconds=3600)
    succeeded, failed, canceled, silent = (create(store) for _ in range(4))
    keys = [f"hiir:job:{job.id}" for job in (succeeded, failed, canceled)]
    taken = lease(store, succeeded)
    store.report(taken)
    assert [redis.ttl(key) for key in keys] == [-1, -1, -1]
    store.finish(taken, SUCCESS)
    store.finish(lease(store, failed), FAILURE)
    store.cancel(canceled.id)
    assert all(7100 < redis.ttl(key) <= 7200 for key in keys)
    now = time.time()
    left = [get(store, job).expires_at - now for job in (succeeded, failed, canceled)]
    assert left == pytest.approx([3600, 7200, 7200], abs=60)
    assert redis.ttl(f"hiir:job:{silent.id}") == -1


def test_one_reaper_at_a_time(store: JobStore) -> None:
    assert store.hold_reaper("one", seconds=1)
    assert store.hold_reaper("one", seconds=1)
    assert not store.hold_reaper("two", seconds=1)
    time.sleep(1.1)
    assert store.hold_reaper("two", seconds=1)


def test_workers_are_alive_for_as_long_as_they_said(store: JobStore) -> None:
    assert store.live_workers() == 0
    store.beat("one", seconds=60, slots=2)
    store.beat("two", seconds=0.05, slots=3)
    time.sleep(0.1)
    assert store.live_workers() == 1
    assert store.is_live("one")
    assert not store.is_live("two")
    assert not store.is_live("three")
    store.retire("one")
    assert store.live_workers() == 0


def test_absent_redis_is_told_in_the_service_s_own_words() -> None:
    store = JobStore.from_settings(Settings(redis_url="redis://127.0.0.1:1"))
    with pytest.raises(StoreUnavailableError):
        store.get("x")
    store.close()
