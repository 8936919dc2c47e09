"""What a request asks of Redis does not grow with the number of queued jobs."""

import time
from collections.abc import Callable

import pytest
from redis import Redis

from service.capacity.load import LoadStore
from service.jobs.job import Job
from service.jobs.priority import Priority
from service.jobs.store import JobStore
from service.limits import TenantLimits
from tests.integration.service.stored_jobs import new_job

pytestmark = pytest.mark.integration
TENANTS, FEW, MANY = 20, 100, 3000
# A sorted set takes the logarithm of its length: 3,000 entries are less than twice as deep as 100.
MOST_TIMES = 4.0
CALLS = 50


@pytest.fixture
def tenant_limits() -> TenantLimits:
    return TenantLimits(open_jobs=100_000, megapixels_per_day=1_000_000)


@pytest.fixture
def store(open_store: Callable[..., JobStore], redis: "Redis[str]") -> JobStore:
    store = open_store()
    redis.zadd("hiir:workers", {"w": time.time() + 1000})
    redis.set("hiir:slots:w", 4)
    return store


def make(number: int) -> Job:
    return new_job("denoise-color", tenant=f"t{number % TENANTS}", expires_at=time.time() + 1000)


def fill(store: JobStore, count: int) -> None:
    for number in range(store.turns.depth(Priority.INTERACTIVE), count):
        store.create(make(number))


def cost(redis: "Redis[str]", call: Callable[[], object]) -> tuple[float, float]:
    """Commands that Redis runs for a call, those of scripts included, and their microseconds."""
    redis.config_resetstat()
    for _ in range(CALLS):
        call()
    found = redis.info("commandstats")
    outer = {"cmdstat_config|resetstat", "cmdstat_info"} & found.keys()
    commands = sum(entry["calls"] for name, entry in found.items() if name not in outer)
    # The commands of a script are part of its own time.
    own = found.get("cmdstat_evalsha") or {"usec": sum(entry["usec"] for entry in found.values())}
    return commands / CALLS, own["usec"] / CALLS


def submit(store: JobStore, redis: "Redis[str]") -> None:
    job = make(0)
    store.create(job)
    store.turns.position(job.id)
    store.discard(job)


def check_capacity(store: JobStore, redis: "Redis[str]") -> None:
    store.turns.depth(Priority.INTERACTIVE)
    store.turns.share_ahead("t0", Priority.INTERACTIVE)
    store.committed_percent()


def read_load(store: JobStore, redis: "Redis[str]") -> None:
    LoadStore(client=redis).snapshot()


def list_jobs(store: JobStore, redis: "Redis[str]") -> None:
    store.newest("t0", before=None, count=2)


def start_and_return(store: JobStore, redis: "Redis[str]") -> None:
    lease = store.claim("w")
    assert lease is not None
    store.requeue(lease)


def open_turns(store: JobStore, redis: "Redis[str]") -> None:
    store.turns.open()


ACTS = (submit, check_capacity, read_load, list_jobs, start_and_return, open_turns)


def test_a_long_queue_costs_no_more_than_a_short_one(store: JobStore, redis: "Redis[str]") -> None:
    costs: dict[str, list[tuple[float, float]]] = {act.__name__: [] for act in ACTS}
    for count in (FEW, MANY):
        fill(store, count)
        for act in ACTS:
            act(store, redis)
            costs[act.__name__].append(cost(redis, lambda act=act: act(store, redis)))
    for name, ((few, few_us), (many, many_us)) in costs.items():
        assert many <= few + 1, f"commands of {name}"
        assert many_us <= MOST_TIMES * few_us, f"microseconds of {name}"


def test_a_scan_would_be_noticed(redis: "Redis[str]") -> None:
    costs = []
    for count in (FEW, MANY):
        redis.zadd("queue", {f"job-{number}": number for number in range(count)})
        costs.append(cost(redis, lambda: redis.zrange("queue", 0, -1)))
    assert costs[1][1] > MOST_TIMES * costs[0][1]
