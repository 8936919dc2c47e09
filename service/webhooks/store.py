"""Deliveries in Redis: one hash for each, and a sorted set of pending ones by due time.

The job store's scripts create them in the same transaction as the event. A sender claims a delivery
for a limited time, after which it is due again. So a delivery is never lost, and after a crash it
may be sent twice with the same id.
"""

import hashlib
from collections.abc import Mapping
from typing import cast

import redis

from service.jobs.job import JOB_EVENTS, Job
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import JobSettings, RedisDatabase, Settings
from service.webhooks.delivery import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    delivery_id,
    write_attempts,
)

_DUE = "hiir:deliveries"
_SENDERS = "hiir:webhook-sender:"
_LOGGED = 20
"""Number of attempts that are stored for a delivery."""


class DeliveryStore:
    """Deliveries and live senders. Methods raise `StoreUnavailableError` while Redis is down."""

    def __init__(self, *, client: redis.Redis, settings: JobSettings) -> None:
        self._redis = client
        self._record_seconds = settings.record_seconds
        self._poll = client.register_script(read_lua("service.webhooks", "claim_due"))
        self._claim = client.register_script(read_lua("service.webhooks", "claim"))
        self._settle = client.register_script(read_lua("service.webhooks", "settle"))
        self._renew = client.register_script(read_lua("service.webhooks", "renew"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "DeliveryStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True), settings=settings.jobs)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def of_job(self, job: Job) -> list[Delivery]:
        """Return a job's deliveries, in the order of its events."""
        found = (self.get(delivery_id(job.id, event)) for event in JOB_EVENTS)
        return [delivery for delivery in found if delivery is not None]

    def get(self, delivery: str) -> Delivery | None:
        """Return the delivery with this id, or None if it does not exist."""
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(_key(delivery))
            pipe.zscore(_DUE, delivery)
            fields, due = cast("tuple[Mapping[str, str], float | None]", pipe.execute())
        return Delivery.from_fields(fields, next_at=due) if "status" in fields else None

    def poll(self, *, count: int, seconds: float) -> list[str]:
        """Return up to `count` ids that are due, and postpone them by `seconds`."""
        with redis_errors():
            return cast("list[str]", self._poll(keys=[_DUE], args=[count, seconds]))

    def claim(self, delivery: str, *, seconds: float) -> Delivery | None:
        """Claim a pending delivery for `seconds`; None if there is nothing to send."""
        with redis_errors():
            taken = self._claim(keys=[_key(delivery), _DUE], args=[delivery, seconds])
        return self.get(delivery) if taken else None

    def save_body(self, delivery: Delivery, body: str) -> None:
        """Store the body before it is sent for the first time."""
        with redis_errors():
            self._redis.hset(_key(delivery.id), "body", body)

    def settle(
        self,
        delivery: Delivery,
        status: DeliveryStatus,
        *,
        attempt: DeliveryAttempt | None = None,
        pause: float | None = None,
    ) -> None:
        """Record the result of an attempt; a pending delivery is due again after `pause`."""
        attempts = (*delivery.attempts, attempt) if attempt is not None else delivery.attempts
        fields = {
            "tries": str(delivery.tries + (attempt is not None)),
            "attempts": write_attempts(attempts[-_LOGGED:]),
        }
        with redis_errors():
            self._settle(
                keys=[_key(delivery.id), _DUE],
                args=[
                    *(delivery.id, self._record_seconds + int(pause or 0), status.value),
                    "" if pause is None else pause,
                    *(part for pair in fields.items() for part in pair),
                ],
            )

    def renew(self, delivery: Delivery) -> None:
        """Send again at once, even to a disabled address."""
        with redis_errors():
            self._redis.delete(_gone(delivery.tenant, delivery.url))
            self._renew(keys=[_key(delivery.id), _DUE], args=[delivery.id, self._record_seconds])

    def disable(self, tenant: str, url: str, *, seconds: int) -> None:
        """Disable an address after a 410."""
        with redis_errors():
            self._redis.set(_gone(tenant, url), 1, ex=seconds)

    def is_disabled(self, tenant: str, url: str) -> bool:
        """Return whether the address is disabled."""
        with redis_errors():
            return bool(self._redis.exists(_gone(tenant, url)))

    def beat(self, sender: str, *, seconds: float) -> None:
        """Record that a sender is alive for `seconds`."""
        with redis_errors():
            self._redis.set(_SENDERS + sender, 1, px=int(1000 * seconds))

    def is_live(self, sender: str) -> bool:
        """Return whether this sender has recorded a heartbeat recently."""
        with redis_errors():
            return bool(self._redis.exists(_SENDERS + sender))


def _key(delivery: str) -> str:
    return f"hiir:delivery:{delivery}"


def _gone(tenant: str, url: str) -> str:
    # Hashed: a URL may be long, and may contain a secret.
    return "hiir:webhook-gone:" + hashlib.sha256(f"{tenant}\0{url}".encode()).hexdigest()
