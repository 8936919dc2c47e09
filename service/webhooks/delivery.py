"""A delivery: one webhook request with its retries. No I/O.

pending ──> delivered           the receiver answered 2xx
   │  ^ └─> failed              a permanent error, or the last attempt
   │  └── redelivered
   └─────> disabled             the receiver answered 410 Gone
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from service.jobs.job import WebhookEvent


class DeliveryStatus(StrEnum):
    """Status of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """One request to the receiver."""

    at: float
    """Seconds since the epoch."""
    seconds: float
    """Duration of the request, in seconds."""
    status_code: int | None = None
    """Status code of the response; None if there was none."""
    error: str | None = None
    """Machine-readable reason why there was no response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event of a job or a batch, to be sent to the webhook of its owner."""

    id: str
    """The `webhook-id`; it is the same in every attempt, so that receivers can drop duplicates."""
    job_id: str | None
    """The job, or None if the event is about a batch."""
    tenant: str
    event: WebhookEvent
    url: str
    status: DeliveryStatus
    created_at: float
    """Time of the event, in seconds since the epoch."""
    next_at: float | None = None
    """Time of the next attempt, in seconds since the epoch; None if there will be none."""
    tries: int = 0
    """Number of attempts since the delivery was created or redelivered."""
    attempts: tuple[DeliveryAttempt, ...] = ()
    """The latest attempts, oldest first."""
    batch_id: str | None = None
    body: str | None = None
    """The request's body, identical in every attempt."""

    @classmethod
    def from_fields(cls, fields: Mapping[str, str], *, next_at: float | None) -> Self:
        """Parse a record of the store."""
        status = DeliveryStatus(fields["status"])
        return cls(
            id=fields["id"],
            job_id=fields.get("job_id"),
            batch_id=fields.get("batch_id"),
            tenant=fields["tenant"],
            event=WebhookEvent(fields["event"]),
            url=fields["url"],
            status=status,
            created_at=float(fields["created_at"]),
            next_at=next_at if status is DeliveryStatus.PENDING else None,
            tries=int(fields.get("tries", 0)),
            attempts=read_attempts(fields.get("attempts", "[]")),
            body=fields.get("body"),
        )


def delivery_id(job_id: str, event: WebhookEvent) -> str:
    """Return the id that the Lua scripts assign: one for each event of a job."""
    return f"msg_{job_id}_{event.value}"


def write_attempts(attempts: tuple[DeliveryAttempt, ...]) -> str:
    """Serialize attempts to a JSON array."""
    return json.dumps([asdict(attempt) for attempt in attempts])


def read_attempts(text: str) -> tuple[DeliveryAttempt, ...]:
    """Parse the output of `write_attempts`."""
    return tuple(DeliveryAttempt(**values) for values in json.loads(text))
