"""A delivery: one webhook request with its retries. Pure.

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
    """Duration."""
    status_code: int | None = None
    """Status code of the response; None if there was none."""
    error: str | None = None
    """Machine-readable reason why there was no response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event of one job, to be sent to its owner."""

    id: str
    """The `webhook-id`, the same in every attempt, so that receivers can drop duplicates."""
    job_id: str | None
    """The job, or None if the event is about a batch."""
    tenant: str
    event: WebhookEvent
    url: str
    status: DeliveryStatus
    created_at: float
    """Time of the event, in seconds since the epoch."""
    next_at: float | None = None
    """When the next attempt is due; None if there is none."""
    tries: int = 0
    """Attempts since the delivery was created or redelivered."""
    attempts: tuple[DeliveryAttempt, ...] = ()
    """The latest ones, oldest first."""
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
    """Return the id that the Lua scripts give: one for each event of a job."""
    return f"msg_{job_id}_{event.value}"


def write_attempts(attempts: tuple[DeliveryAttempt, ...]) -> str:
    """Serialize to a JSON array."""
    return json.dumps([asdict(attempt) for attempt in attempts])


def read_attempts(text: str) -> tuple[DeliveryAttempt, ...]:
    """Parse what `write_attempts` wrote."""
    return tuple(DeliveryAttempt(**values) for values in json.loads(text))
