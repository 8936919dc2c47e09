"""Which queued job is taken next, in a real Redis."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
from redis import Redis

from service.capacity.load import LoadStore
from service.embedded.redis import RedisServer
from service.jobs.creation import Creation
from service.jobs.job import Job, JobStatus, Outcome
from service.jobs.lease import Lease, LeaseState
from service.jobs.priority import Priority
from service.jobs.store import JobStore
from service.jobs.turns import OpenTurns
from service.limits import TenantLimits
from service.settings import Settings
from tests.integration.service.stored_jobs import new_job

pytestmark = pytest.mark.integration
INTERACTIVE, BATCH = Priority
CANCELED = Outcome(status=JobStatus.CANCELED, timings={})
OpenStore = Callable[..., JobStore]


@pytest.fixture
def tenant_limits() -> TenantLimits:
    return TenantLimits(open_jobs=100_000, open_batch_jobs=100_000, megapixels_per_day=1_000_000)


def make(tenant: str = "a", *, task: str = "denoise", **fields: object) -> Job:
    return new_job(task, tenant=tenant, **fields)


def create(store: JobStore, tenant: str = "a", count: int = 1, **fields: object) -> list[Job]:
    jobs = [make(tenant, **fields) for _ in range(count)]  # type: ignore[arg-type]
    for job in jobs:
        assert store.create(job) is Creation.MADE
    return jobs


def claim(store: JobStore) -> Lease:
    taken = store.claim("w")
    assert taken is not None
    return taken


def drain(store: JobStore) -> list[Job]:
    """Take all jobs that can be taken; none of them ends."""
    taken = []
    while (lease := store.claim("w")) is not None:
        taken.append(lease.job)
    return taken


def test_tenants_take_turns_and_each_is_served_in_order(store: JobStore) -> None:
    many, few = create(store, "a", 5), create(store, "b", 2)
    taken = drain(store)
    assert [job.tenant for job in taken] == list("ababaaa")
    for jobs in (many, few):
        assert [job.id for job in taken if job.tenant == jobs[0].tenant] == [job.id for job in jobs]


def test_a_new_tenant_waits_for_one_job_of_each_other(store: JobStore) -> None:
    for tenant in "abc":
        create(store, tenant, 100)
    for _ in range(31):
        claim(store)
    (late,) = create(store, "z")
    position = store.turns.position(late.id)
    assert position is not None
    assert position <= 2 * 3
    taken = [claim(store).job.id for _ in range(position + 1)]
    assert taken[-1] == late.id


def test_a_tenant_that_submits_one_by_one_does_not_overtake(store: JobStore) -> None:
    create(store, "b", 20)
    served = []
    for _ in range(20):
        if "a" not in served[-1:]:
            create(store, "a")
        served.append(claim(store).job.tenant)
    assert Counter(served)["a"] <= 10


def test_canceled_jobs_do_not_push_back_the_others_of_their_tenant(store: JobStore) -> None:
    jobs = create(store, "a", 50)
    create(store, "b", 50)
    for job in jobs[:45]:
        store.cancel(job.id)
    assert [store.turns.position(job.id) for job in jobs[45:]] == [0, 2, 4, 6, 8]
    again = create(store, "a")[0]
    assert store.turns.position(again.id) == 10


def test_a_requeued_job_is_the_next_one(store: JobStore) -> None:
    create(store, "a", 3)
    create(store, "b", 3)
    leases = [claim(store) for _ in range(3)]
    for lease in leases:
        assert store.requeue(lease) is LeaseState.HELD
    assert {claim(store).job.id for _ in range(3)} == {lease.job.id for lease in leases}


def test_a_job_of_an_expired_lease_is_the_next_one(open_store: OpenStore) -> None:
    store = open_store(lease_seconds=0.05)
    create(store, "a", 3)
    lost = claim(store)
    time.sleep(0.1)
    assert [job.id for job in store.reclaim_expired()] == [lost.job.id]
    assert claim(store).job.id == lost.job.id


def test_a_job_that_is_put_back_for_later_waits_until_then(open_store: OpenStore) -> None:
    store = open_store(republish_seconds=0.3)
    (later,) = create(store, "a")
    (other,) = create(store, "a")
    lease = claim(store)
    assert store.requeue(lease, later=True) is LeaseState.HELD
    assert store.turns.position(later.id) is None
    assert store.turns.queue_due() == 0
    assert [job.id for job in drain(store)] == [other.id]
    time.sleep(0.4)
    assert store.turns.queue_due() == 1
    assert claim(store).job.id == later.id


def test_a_job_that_is_put_back_for_later_can_be_canceled(open_store: OpenStore) -> None:
    store = open_store(republish_seconds=0.05)
    (job,) = create(store, "a")
    store.requeue(claim(store), later=True)
    store.cancel(job.id)
    time.sleep(0.1)
    assert store.turns.queue_due() == 0
    assert store.claim("w") is None


def test_batch_jobs_leave_a_slot_free(store: JobStore) -> None:
    store.beat("w", seconds=60, slots=3)
    batch = create(store, "a", 5, priority=BATCH)
    assert store.turns.open() == OpenTurns(slots=3, interactive=0, batch=2)
    assert len(drain(store)) == 2
    assert store.turns.open() == OpenTurns(slots=1, interactive=0, batch=0)
    (urgent,) = create(store, "a")
    assert store.turns.open() == OpenTurns(slots=1, interactive=1, batch=0)
    lease = claim(store)
    assert lease.job.id == urgent.id
    assert store.claim("w") is None
    store.finish(lease, CANCELED)
    assert store.claim("w") is None, "the slot is kept"
    assert store.turns.depth(BATCH) == len(batch) - 2


@pytest.mark.parametrize("end", ["finish", "requeue", "reclaim"])
def test_the_end_of_a_batch_job_lets_the_next_one_run(open_store: OpenStore, end: str) -> None:
    store = open_store(lease_seconds=0.05 if end == "reclaim" else 30)
    store.beat("w", seconds=60, slots=2)
    create(store, "a", 2, priority=BATCH)
    lease = claim(store)
    assert store.claim("w") is None
    if end == "finish":
        store.finish(lease, CANCELED)
    elif end == "requeue":
        store.requeue(lease)
    else:
        time.sleep(0.1)
        store.reclaim_expired()
    assert store.turns.open().batch == 1
    assert claim(store)
    assert store.claim("w") is None


def test_a_single_slot_runs_jobs_of_both_priorities(store: JobStore) -> None:
    store.beat("w", seconds=60, slots=1)
    create(store, "a", priority=BATCH)
    assert claim(store).job.priority is BATCH


def test_more_slots_can_be_kept(open_store: OpenStore) -> None:
    store = open_store(interactive_slots=3)
    store.beat("one", seconds=60, slots=2)
    store.beat("two", seconds=60, slots=3)
    create(store, "a", 5, priority=BATCH)
    assert len(drain(store)) == 2


def test_interactive_jobs_come_first_but_batch_jobs_come_too(store: JobStore) -> None:
    store.beat("w", seconds=60, slots=1)
    create(store, "a", 50, priority=BATCH)
    create(store, "b", 50)
    taken = []
    for _ in range(20):
        lease = claim(store)
        taken.append(lease.job.priority)
        store.finish(lease, CANCELED)
    assert taken == 4 * [*[INTERACTIVE] * 4, BATCH]


def test_a_claim_whose_reply_was_lost_gets_the_same_job(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(store, "a", 2)
    monkeypatch.setattr("service.jobs.store.uuid.uuid4", lambda: uuid.UUID(int=7))
    first, second = claim(store), claim(store)
    assert first == second
    assert store.turns.depth(INTERACTIVE) == 1


def test_jobs_of_the_previous_release_are_served(store: JobStore, redis: "Redis[str]") -> None:
    """Its records have no priority, and one sorted set is the whole queue."""
    now = time.time()
    old = [
        make("a", created_at=now - 30),
        make("b", created_at=now - 20, batch_id="f" * 32),
        make("a", created_at=now - 10),
        make("a", created_at=now - 40),
    ]
    for job in old:
        fields = job.to_fields()
        del fields["priority"]
        redis.hset(f"hiir:job:{job.id}", mapping=fields)
        redis.zadd("hiir:queued", {job.id: job.created_at})
    redis.hset(f"hiir:job:{old[3].id}", "status", "canceled")
    (new,) = create(store, "c")
    assert store.turns.open().interactive == 3
    assert store.turns.open().batch == 1
    taken = drain(store)
    assert {job.id for job in taken} == {job.id for job in (*old[:3], new)}
    assert taken[-1].priority is BATCH
    assert not redis.exists("hiir:queued")


def test_a_long_queue_of_the_previous_release_is_adopted_in_parts(
    store: JobStore, redis: "Redis[str]"
) -> None:
    jobs = [make("a", created_at=1000.0 + number) for number in range(200)]
    for job in jobs:
        redis.hset(f"hiir:job:{job.id}", mapping=job.to_fields())
        redis.zadd("hiir:queued", {job.id: job.created_at})
    assert [job.id for job in drain(store)] == [job.id for job in jobs]


class Traffic:
    """Random submissions, claims, cancellations and requeues, and what should come of them."""

    def __init__(self, store: JobStore, *, seed: int) -> None:
        self._store = store
        self._chance = random.Random(seed)
        self.queued: dict[str, Job] = {}
        self.delayed: dict[str, Job] = {}
        self.leases: dict[str, Lease] = {}

    def step(self) -> None:
        steps = [self._create, self._claim, self._cancel, self._requeue, self._delay, self._finish]
        (chosen,) = self._chance.choices(steps, [8, 4, 3, 2, 1, 2])
        chosen()

    def _create(self) -> None:
        (job,) = create(
            self._store,
            self._chance.choice("aaaaabbcd"),
            priority=self._chance.choice(list(Priority)),
            task=self._chance.choice(["denoise", "weather"]),
        )
        self.queued[job.id] = job

    def _claim(self) -> None:
        lease = self._store.claim("w")
        assert (lease is None) == (not self.queued)
        if lease is not None:
            assert self._store.turns.position(lease.job.id) is None
            self.leases[lease.job.id] = lease
            del self.queued[lease.job.id]

    def _cancel(self) -> None:
        if self.queued or self.delayed:
            chosen = self._chance.choice([*self.queued, *self.delayed])
            self._store.cancel(chosen)
            self.queued.pop(chosen, None)
            self.delayed.pop(chosen, None)

    def _requeue(self) -> None:
        if self.leases:
            lease = self._drop_lease()
            assert self._store.requeue(lease) is LeaseState.HELD
            self.queued[lease.job.id] = lease.job

    def _delay(self) -> None:
        if self.leases:
            lease = self._drop_lease()
            assert self._store.requeue(lease, later=True) is LeaseState.HELD
            self.delayed[lease.job.id] = lease.job

    def _finish(self) -> None:
        if self.leases:
            assert self._store.finish(self._drop_lease(), CANCELED) is LeaseState.HELD

    def _drop_lease(self) -> Lease:
        return self.leases.pop(self._chance.choice(list(self.leases)))


@pytest.fixture
def traffic(open_store: OpenStore, seed: int) -> tuple[JobStore, Traffic]:
    """A store with many slots after 300 random steps."""
    store = open_store(republish_seconds=1000)
    store.beat("w", seconds=600, slots=10_000)
    traffic = Traffic(store, seed=seed)
    for _ in range(300):
        traffic.step()
    return store, traffic


@pytest.mark.parametrize("seed", range(8))
def test_positions_tell_the_order_in_which_jobs_are_taken(
    traffic: tuple[JobStore, Traffic], redis: "Redis[str]"
) -> None:
    store, made = traffic
    order: dict[Priority, list[str]] = {}
    for priority in Priority:
        jobs = [job for job in made.queued.values() if job.priority is priority]
        positions = {store.turns.position(job.id): job.id for job in jobs}
        assert set(positions) == set(range(len(jobs)))
        assert store.turns.depth(priority) == len(jobs)
        order[priority] = [positions[place] for place in range(len(jobs))]
    served = drain(store)
    for priority in Priority:
        assert [job.id for job in served if job.priority is priority] == order[priority]
    for job_id in made.delayed:
        store.cancel(job_id)
    left = redis.keys("hiir:queue:*") + redis.keys("hiir:turns:*") + redis.keys("hiir:rounds:*")
    assert left + redis.keys("hiir:waiting*") + redis.keys("hiir:delayed") == []


@pytest.mark.parametrize("seed", range(4))
def test_counts_of_waiting_and_running_jobs_are_exact(
    traffic: tuple[JobStore, Traffic], redis_server: RedisServer
) -> None:
    _, made = traffic
    loads = LoadStore.from_settings(Settings(redis_url=redis_server.url))
    load = loads.snapshot()
    loads.close()
    waiting = [*made.queued.values(), *made.delayed.values()]
    for priority in Priority:
        counted = load.of(priority)
        tasks = Counter(job.task for job in waiting if job.priority is priority)
        assert counted.depth == tasks
        assert counted.queued_pixels == {
            task[0] * 64: 600.0 * count for task, count in tasks.items()
        }
        leases = made.leases.values()
        assert counted.running == sum(lease.job.priority is priority for lease in leases)


def test_the_work_for_a_job_does_not_grow_with_the_queue(
    store: JobStore, redis_server: RedisServer, redis: "Redis[str]"
) -> None:
    """Redis runs the same commands for a job whether 20 or 3,000 others are queued."""
    loads = LoadStore.from_settings(Settings(redis_url=redis_server.url))
    store.beat("w", seconds=600, slots=4)

    def count_commands() -> int:
        stats = redis.info("commandstats")
        ours = ("zadd", "zrem", "zrange", "zrank", "zcard", "zcount", "zpopmin", "hget", "hset")
        ours += ("hmget", "hincrby", "sadd", "srem", "smembers", "scard", "exists", "get", "set")
        return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ours)

    def handle_one() -> int:
        before = count_commands()
        (job,) = create(store, "b")
        store.turns.position(job.id)
        store.turns.share_ahead("b", INTERACTIVE)
        loads.snapshot()
        store.turns.open()
        store.finish(claim(store), CANCELED)
        store.cancel(job.id)
        return count_commands() - before

    create(store, "a", 20)
    handle_one()
    few = handle_one()
    create(store, "a", 3000)
    assert abs(handle_one() - few) <= 2
    loads.close()


def test_share_of_the_queue_before_a_new_job(store: JobStore) -> None:
    assert store.turns.share_ahead("a", BATCH) == 1.0
    create(store, "a", 9, priority=BATCH)
    assert store.turns.share_ahead("a", BATCH) == 1.0
    assert store.turns.share_ahead("b", BATCH) == pytest.approx(1 / 9)


def test_positions_of_several_jobs_are_those_of_each(store: JobStore) -> None:
    many, few = create(store, "a", 3), create(store, "b", 2)
    running = claim(store).job
    jobs = [*many, *few]
    found = store.turns.positions([job.id for job in jobs])
    assert found == [store.turns.position(job.id) for job in jobs]
    assert found[[job.id for job in jobs].index(running.id)] is None
    assert sorted(place for place in found if place is not None) == [0, 1, 2, 3]
    assert store.turns.positions([]) == []
