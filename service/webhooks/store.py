"""Deliveries in Redis: one hash per delivery, and a sorted set of pending ones per receiver.

The job store's scripts create them in the same transaction as the event. A sender claims a delivery
for a limited time, after which it is due again. A delivery is therefore never lost, and may be sent
twice with the same id after a crash. `lua/claim_due.lua` describes the other keys.
"""

import hashlib
from collections.abc import Mapping
from typing import cast

import redis

from service.errors import TooManyRedeliveriesError
from service.jobs.job import JOB_EVENTS, Job
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings
from service.settings.jobs import JobSettings
from service.settings.webhooks import WebhookSettings
from service.webhooks.delivery import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    delivery_id,
    write_attempts,
)

_RECEIVERS = "hiir:receivers"
_SENDERS = "hiir:webhook-sender:"
_LOGGED = 20
"""Maximum number of attempts that are stored for a delivery."""
_CLAIM_MARGIN_SECONDS = 20.0
"""Longest time that a claimed delivery waits for Redis, in addition to its attempt."""


class DeliveryStore:
    """Deliveries and live senders. Methods raise `StoreUnavailableError` while Redis is down."""

    def __init__(
        self, *, client: redis.Redis, jobs: JobSettings, settings: WebhookSettings
    ) -> None:
        self._redis = client
        self._record_seconds = jobs.record_seconds
        self._settings = settings
        self._claim_due = client.register_script(read_lua("service.webhooks", "claim_due"))
        self._settle = client.register_script(read_lua("service.webhooks", "settle"))
        self._renew = client.register_script(read_lua("service.webhooks", "renew"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "DeliveryStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(
            client=connect(url, decode_responses=True),
            jobs=settings.jobs,
            settings=settings.webhooks,
        )

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def of_job(self, job: Job) -> list[Delivery]:
        """Return a job's deliveries, in the order of its events."""
        found = (self.get(delivery_id(job.id, event)) for event in JOB_EVENTS)
        return [delivery for delivery in found if delivery is not None]

    def of_batch(self, batch_id: str) -> list[Delivery]:
        """Return a batch's deliveries: one for each time that the batch has ended."""
        with redis_errors():
            ends = cast("str | None", self._redis.hget(f"hiir:batch-state:{batch_id}", "ends"))
        found = (self.get(f"msg_{batch_id}_{number}") for number in range(1, int(ends or 0) + 1))
        return [delivery for delivery in found if delivery is not None]

    def get(self, delivery: str) -> Delivery | None:
        """Return the delivery with this id, or None if it does not exist."""
        with redis_errors():
            fields = cast("Mapping[str, str]", self._redis.hgetall(_key(delivery)))
            if "status" not in fields:
                return None
            due: float | None = self._redis.zscore(_due(fields["receiver"]), delivery)
        return Delivery.from_fields(fields, next_at=due)

    def claim_due(self, *, count: int) -> list[Delivery]:
        """Claim up to `count` due deliveries, within the limits of tenants and receivers.

        A claimed delivery that is not settled is due again when its claim expires.
        """
        settings = self._settings
        with redis_errors():
            ids = self._claim_due(
                keys=[_RECEIVERS],
                args=[
                    *(count, settings.timeout_seconds + _CLAIM_MARGIN_SECONDS),
                    *(settings.receiver_in_flight, settings.tenant_in_flight),
                    settings.breaker_failures,
                ],
            )
        found = (self.get(delivery) for delivery in cast("list[str]", ids))
        return [delivery for delivery in found if delivery is not None]

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
        """Record the result of an attempt; a pending delivery is due again after `pause` seconds.

        `breaker_failures` attempts in a row without a response open the receiver's circuit breaker.
        """
        attempts = (*delivery.attempts, attempt) if attempt is not None else delivery.attempts
        fields = {
            "tries": str(delivery.tries + (attempt is not None)),
            "attempts": write_attempts(attempts[-_LOGGED:]),
        }
        answered = "" if attempt is None else int(attempt.status_code is not None)
        settings = self._settings
        with redis_errors():
            self._settle(
                keys=[_key(delivery.id), _RECEIVERS],
                args=[
                    *(delivery.id, self._record_seconds + int(pause or 0), status.value),
                    *("" if pause is None else pause, answered, settings.breaker_failures),
                    *(settings.breaker_seconds, settings.longest_breaker_seconds),
                    *(part for pair in fields.items() for part in pair),
                ],
            )

    def renew(self, delivery: Delivery) -> None:
        """Make the delivery due immediately, even to a disabled address.

        Raises:
            TooManyRedeliveriesError: if the tenant exceeds the limit of redeliveries per minute.
        """
        most = self._settings.redeliveries_per_minute
        with redis_errors():
            wait = self._renew(
                keys=[_key(delivery.id), _RECEIVERS], args=[delivery.id, self._record_seconds, most]
            )
            if wait:
                raise TooManyRedeliveriesError(
                    f"The limit is {most} redeliveries per minute.",
                    limit=most,
                    retry_after=int(wait),
                )
            self._redis.delete(_gone(delivery.tenant, delivery.url))

    def disable(self, tenant: str, url: str, *, seconds: int) -> None:
        """Disable an address for `seconds`, after a response of 410."""
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


def _due(receiver: str) -> str:
    return f"hiir:receiver-due:{receiver}"


def _gone(tenant: str, url: str) -> str:
    # The URL is hashed, because it may be long and may contain a secret.
    return "hiir:webhook-gone:" + hashlib.sha256(f"{tenant}\0{url}".encode()).hexdigest()
