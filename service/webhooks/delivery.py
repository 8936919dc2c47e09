"""What is sent to a webhook, and what became of it. Pure.

pending ──> delivered           an answer of the 200s
   │  ^ └─> failed              an answer that will not change, or the last of the attempts
   │  └── redelivered
   └─────> disabled             the receiver says that it is gone for good (410)
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from service.jobs.job import WebhookEvent


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

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
    """How long it took."""
    status_code: int | None = None
    """The receiver's answer; None where there was none."""
    error: str | None = None
    """Why there was no answer, as a word for programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event of one job on its way to its owner."""

    id: str
    """The `webhook-id`, the same at each attempt: whoever was told twice knows it by this."""
    job_id: str
    tenant: str
    event: WebhookEvent
    url: str
    status: DeliveryStatus
    created_at: float
    """When the event happened, in seconds since the epoch."""
    next_at: float | None = None
    """When the next attempt is due; None when there is none."""
    tries: int = 0
    """Attempts since it was last begun anew."""
    attempts: tuple[DeliveryAttempt, ...] = ()
    """The latest ones, oldest first."""
    body: str | None = None
    """What is sent: the same bytes each time."""

    @classmethod
    def from_fields(cls, fields: Mapping[str, str], *, next_at: float | None) -> Self:
        """Read a record of the store."""
        status = DeliveryStatus(fields["status"])
        return cls(
            id=fields["id"],
            job_id=fields["job_id"],
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
    """The id that the store's scripts give: one of each event of a job."""
    return f"msg_{job_id}_{event.value}"


def write_attempts(attempts: tuple[DeliveryAttempt, ...]) -> str:
    """One JSON array."""
    return json.dumps([asdict(attempt) for attempt in attempts])


def read_attempts(text: str) -> tuple[DeliveryAttempt, ...]:
    """Read what `write_attempts` wrote."""
    return tuple(DeliveryAttempt(**values) for values in json.loads(text))
