"""Sends one delivery and decides what follows.

2xx                                         delivered
410                                         disabled, and the address with it for a while
408, 425, 429, 5xx, no response             retried on schedule; failed after the last attempt
any other status, a forbidden address       failed

Nothing here affects the job, which has long continued.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from service.errors import ServiceError
from service.jobs.batch import BatchState
from service.jobs.batch_store import BatchStore
from service.jobs.job import Job, WebhookEvent
from service.jobs.store import JobStore
from service.observability.logs import current_trace, job_context, origin_context, tenant_context
from service.schemas.batch import BatchView
from service.schemas.job import JobView
from service.settings import WebhookSettings
from service.webhooks.delivery import Delivery, DeliveryStatus
from service.webhooks.secrets import WebhookSecretStore
from service.webhooks.store import DeliveryStore
from service.webhooks.worker.sender import FORBIDDEN, Answer, WebhookSender
from service.webhooks.worker.signature import sign

logger = logging.getLogger(__name__)

_AGAIN = frozenset({408, 425, 429})
_GONE = 410
_MARGIN_SECONDS = 20.0
_LONGEST_WAIT_SECONDS = 14_400
"""Longest `Retry-After` of a receiver that is respected."""


class WebhookDeliverer:
    """Sends deliveries; thread-safe."""

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        secrets: WebhookSecretStore,
        jobs: JobStore,
        batches: BatchStore,
        sender: WebhookSender,
        settings: WebhookSettings,
    ) -> None:
        self._deliveries = deliveries
        self._secrets = secrets
        self._jobs = jobs
        self._batches = batches
        self._sender = sender
        self._settings = settings

    def deliver(self, delivery_id: str) -> None:
        """Send a delivery if it is pending; if Redis is down, it becomes due again."""
        try:
            taken = self._deliveries.claim(delivery_id, seconds=self.hold_seconds)
            if taken is None:
                return
            if taken.batch_id is not None:
                self._deliver_batch(taken, taken.batch_id)
                return
            job = self._jobs.get(taken.job_id) if taken.job_id is not None else None
            if job is None:  # the record has expired
                self._deliveries.settle(taken, DeliveryStatus.FAILED)
                return
            with (
                origin_context(
                    tenant=job.tenant,
                    request_id=job.request_id,
                    traceparent=job.traceparent,
                    tracestate=job.tracestate,
                ),
                job_context(job.id),
            ):
                self._deliver(taken, lambda: write_body(taken, job))
        except ServiceError as error:
            logger.warning("delivery postponed: %s", error.code)

    @property
    def hold_seconds(self) -> float:
        """Longest duration of one attempt, from message to response."""
        return self._settings.timeout_seconds + _MARGIN_SECONDS

    def _deliver_batch(self, delivery: Delivery, batch_id: str) -> None:
        batch = self._batches.get(batch_id)
        if batch is None:  # the record has expired
            self._deliveries.settle(delivery, DeliveryStatus.FAILED)
            return
        with tenant_context(batch.tenant):
            self._deliver(delivery, lambda: write_batch_body(delivery, self._batches.state(batch)))

    def _deliver(self, delivery: Delivery, write: Callable[[], str]) -> None:
        if self._deliveries.is_disabled(delivery.tenant, delivery.url):
            logger.info("%s webhook not sent: its address is disabled", delivery.event.value)
            self._deliveries.settle(delivery, DeliveryStatus.DISABLED)
            return
        body = delivery.body
        if body is None:
            body = write()
            self._deliveries.save_body(delivery, body)
        answer = self._sender.send(
            delivery.url, headers=self._headers(delivery, body.encode()), body=body.encode()
        )
        status, pause = self._decide(delivery, answer)
        if status is DeliveryStatus.DISABLED:
            self._deliveries.disable(
                delivery.tenant, delivery.url, seconds=self._settings.gone_seconds
            )
        self._deliveries.settle(delivery, status, attempt=answer.attempt, pause=pause)
        logger.info(
            "%s webhook, attempt %d: %s, %s",
            *(delivery.event.value, delivery.tries + 1),
            *(answer.attempt.status_code or answer.attempt.error, status.value),
        )

    def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        now = int(time.time())
        secrets = self._secrets.get(delivery.tenant).signing
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Hi-IR-Restore",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(secrets, message_id=delivery.id, timestamp=now, body=body),
        }
        trace = current_trace()
        return headers if trace is None else {**headers, **trace.headers}

    def _decide(self, delivery: Delivery, answer: Answer) -> tuple[DeliveryStatus, float | None]:
        """Return the new status, and the pause before a retry."""
        code, trouble = answer.attempt.status_code, answer.attempt.error
        if code is not None and 200 <= code < 300:
            return DeliveryStatus.DELIVERED, None
        if code == _GONE:
            return DeliveryStatus.DISABLED, None
        passes = trouble not in FORBIDDEN if code is None else code in _AGAIN or code >= 500
        schedule = self._settings.retry_seconds
        if not passes or delivery.tries >= len(schedule):
            return DeliveryStatus.FAILED, None
        spread = self._settings.jitter
        pause = schedule[delivery.tries] * random.uniform(1 - spread, 1 + spread)
        wanted = min(answer.retry_after or 0, _LONGEST_WAIT_SECONDS)
        return DeliveryStatus.PENDING, max(pause, wanted)


def write_body(delivery: Delivery, job: Job) -> str:
    """Build the body: the event, its time, and the job."""
    view = JobView.of(job, queue_position=None).model_dump(mode="json")
    if delivery.event is WebhookEvent.STARTED:
        # The state at that time: the job may have continued since.
        view |= {"status": "running", "finished_at": None, "output": None, "error": None}
        view |= {"timings": {}, "progress": {**view["progress"], "stage": "decode"}}
    return _write(delivery, f"job.{delivery.event.value}", view)


def write_batch_body(delivery: Delivery, state: BatchState) -> str:
    """Build the body: the event, its time, and the batch."""
    return _write(delivery, delivery.event.value, BatchView.of(state).model_dump(mode="json"))


def _write(delivery: Delivery, kind: str, data: Mapping[str, Any]) -> str:
    timestamp = datetime.fromtimestamp(delivery.created_at, UTC).isoformat()
    body = {"type": kind, "timestamp": timestamp, "data": data}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
