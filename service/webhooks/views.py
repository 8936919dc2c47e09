"""Bodies of the API's answers about webhooks."""

from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict

from service.jobs.job import WebhookEvent
from service.schemas.view import View, to_datetime
from service.webhooks.delivery import Delivery, DeliveryAttempt, DeliveryStatus

_DELIVERY: dict[str, Any] = {
    "id": "msg_5f0c1a2b3c4d5e6f708192a3b4c5d6e7_completed",
    "event": "completed",
    "url": "https://example.com/hook",
    "status": "pending",
    "created_at": "2026-01-01T12:00:00Z",
    "next_attempt_at": "2026-01-01T12:00:05Z",
    "attempts": [
        {"at": "2026-01-01T12:00:00Z", "seconds": 0.12, "status_code": 503, "error": None}
    ],
}


class AttemptView(View):
    """One request to a receiver."""

    at: datetime
    seconds: float
    status_code: int | None
    """Status code of the response; null if there was none."""
    error: str | None
    """Why there was no response."""

    @classmethod
    def of(cls, attempt: DeliveryAttempt) -> Self:
        """Build the view of an attempt."""
        return cls(
            at=to_datetime(attempt.at),
            seconds=attempt.seconds,
            status_code=attempt.status_code,
            error=attempt.error,
        )


class DeliveryView(View):
    """One event of a job, sent to its webhook."""

    model_config = ConfigDict(json_schema_extra={"example": _DELIVERY})

    id: str
    """The `webhook-id` of each attempt."""
    event: WebhookEvent
    url: str
    status: DeliveryStatus
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: list[AttemptView]
    """The latest ones, oldest first."""

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Build the view of a delivery."""
        return cls(
            id=delivery.id,
            event=delivery.event,
            url=delivery.url,
            status=delivery.status,
            created_at=to_datetime(delivery.created_at),
            next_attempt_at=None if delivery.next_at is None else to_datetime(delivery.next_at),
            attempts=[AttemptView.of(attempt) for attempt in delivery.attempts],
        )


class DeliveryList(View):
    """All deliveries of a job."""

    model_config = ConfigDict(json_schema_extra={"example": {"deliveries": [_DELIVERY]}})

    deliveries: list[DeliveryView]


class WebhookSecretView(View):
    """The secret that verifies signatures."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "secret": "whsec_plJ3nmyCDGBKInavdOK15jsl",
                "previous_valid_until": "2026-01-02T12:00:00Z",
            }
        }
    )

    secret: str
    """`whsec_` and the key in base64."""
    previous_valid_until: datetime | None
    """Until when the previous secret signs too."""

    @classmethod
    def of(cls, secret: str, *, previous_until: float | None) -> Self:
        """Build the view of a secret."""
        until = None if previous_until is None else to_datetime(previous_until)
        return cls(secret=secret, previous_valid_until=until)
