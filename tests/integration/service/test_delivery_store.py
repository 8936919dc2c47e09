"""Deliveries in a real Redis: who is claimed, within which bounds, and when a breaker opens."""

import time
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from service.embedded.redis import RedisServer
from service.errors import TooManyRedeliveriesError
from service.jobs.job import Webhook, WebhookEvent
from service.jobs.store import JobStore
from service.limits import TenantLimits
from service.settings import Settings
from service.settings.webhooks import WebhookSettings
from service.webhooks.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from service.webhooks.store import DeliveryStore
from tests.integration.service.test_job_store import create

pytestmark = pytest.mark.integration
SETTINGS = WebhookSettings(
    receiver_in_flight=2,
    tenant_in_flight=3,
    breaker_failures=2,
    breaker_seconds=0.2,
    redeliveries_per_minute=3,
)
NOTHING = DeliveryAttempt(at=0, seconds=1, error="timeout")
ANSWER = DeliveryAttempt(at=0, seconds=1, status_code=204)
Due = Callable[..., None]


@pytest.fixture
def settings(redis_server: RedisServer) -> Settings:
    with Redis.from_url(f"{redis_server.url}/1") as client:
        client.flushdb()
    return Settings(
        redis_url=redis_server.url, webhooks=SETTINGS, tenants=TenantLimits(open_jobs=1000)
    )


@pytest.fixture
def store(settings: Settings) -> Iterator[DeliveryStore]:
    store = DeliveryStore.from_settings(settings)
    yield store
    store.close()


@pytest.fixture
def due(settings: Settings) -> Iterator[Due]:
    """Give a function that makes deliveries due: the ends of as many jobs."""
    jobs = JobStore.from_settings(settings)

    def make(tenant: str, host: str, count: int = 1) -> None:
        webhook = Webhook(url=f"https://{host}/hook", events=(WebhookEvent.COMPLETED,))
        for _ in range(count):
            jobs.cancel(create(jobs, tenant=tenant, webhook=webhook).id)

    yield make
    jobs.close()


def claimed(store: DeliveryStore, count: int = 100) -> list[Delivery]:
    return store.claim_due(count=count)


def names(deliveries: list[Delivery]) -> list[tuple[str, str]]:
    return sorted((delivery.tenant, delivery.url.split("/")[2]) for delivery in deliveries)


def test_receiver_and_tenant_have_bounds_and_others_are_not_behind_them(
    store: DeliveryStore, due: Due
) -> None:
    due("acme", "dead.example", 500)
    due("acme", "slow.example", 500)
    due("other", "fine.example")
    assert names(claimed(store)) == [
        ("acme", "dead.example"),
        ("acme", "dead.example"),
        ("acme", "slow.example"),
        ("other", "fine.example"),
    ]
    assert claimed(store) == []


def test_end_of_a_delivery_makes_room_for_the_next_of_its_tenant(
    store: DeliveryStore, due: Due
) -> None:
    due("acme", "a.example", 3)
    due("acme", "b.example", 3)
    first = claimed(store)
    assert len(first) == 3
    total = len(first)
    while first:
        store.settle(first.pop(), DeliveryStatus.DELIVERED, attempt=ANSWER)
        more = claimed(store)
        total += len(more)
        first += more
    assert total == 6


def test_a_claim_takes_no_more_than_asked_for(store: DeliveryStore, due: Due) -> None:
    due("acme", "a.example", 2)
    due("other", "b.example", 2)
    assert len(claimed(store, count=3)) == 3
    assert len(claimed(store, count=3)) == 1


def test_delivery_of_a_sender_that_died_is_due_again(
    settings: Settings, redis_server: RedisServer, due: Due
) -> None:
    short = DeliveryStore.from_settings(settings)
    due("acme", "a.example", 2)
    assert len(claimed(short)) == 2
    with Redis.from_url(f"{redis_server.url}/1") as redis:  # as if its claim had ended
        receiver = "acme https://a.example"
        for key in (
            f"hiir:receiver-due:{receiver}",
            f"hiir:receiver-sending:{receiver}",
            "hiir:tenant-sending:acme",
        ):
            redis.zadd(key, dict.fromkeys(redis.zrange(key, 0, -1), 1))
        redis.zadd("hiir:receivers", {receiver: 1})
    assert len(claimed(short)) == 2
    short.close()


def test_breaker_opens_for_one_tenant_and_lets_one_delivery_find_out(
    store: DeliveryStore, due: Due
) -> None:
    due("acme", "dead.example", 10)
    for delivery in claimed(store):
        store.settle(delivery, DeliveryStatus.PENDING, attempt=NOTHING, pause=0.0)
    due("other", "dead.example")
    assert names(claimed(store)) == [("other", "dead.example")]
    time.sleep(0.25)
    (probe,) = claimed(store)
    store.settle(probe, DeliveryStatus.PENDING, attempt=NOTHING, pause=0.0)
    time.sleep(0.25)
    assert claimed(store) == [], "twice as long after another failure"
    time.sleep(0.25)
    (probe,) = claimed(store)
    store.settle(probe, DeliveryStatus.DELIVERED, attempt=ANSWER)
    assert len(claimed(store)) == 2, "closed again"


def test_redelivery_asks_a_closed_receiver_and_is_limited(store: DeliveryStore, due: Due) -> None:
    due("acme", "dead.example", 2)
    failed = claimed(store)
    for delivery in failed:
        store.settle(delivery, DeliveryStatus.FAILED, attempt=NOTHING)
    store.renew(failed[0])
    assert [delivery.id for delivery in claimed(store)] == [failed[0].id]
    store.renew(failed[1])
    store.renew(failed[1])
    with pytest.raises(TooManyRedeliveriesError) as refused:
        store.renew(failed[1])
    assert 1 <= refused.value.retry_after <= 60
