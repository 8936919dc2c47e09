"""Sends one delivery, and decides how it continues.

2xx                                         delivered
410                                         disabled, and the address with it for a while
408, 425, 429, 5xx, no response             retried on schedule; failed after the last attempt
any other status, a forbidden address       failed

Deliveries do not affect the job.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.jobs.batch import BatchState
from service.jobs.batch_store import BatchStore
from service.jobs.job import Job, WebhookEvent
from service.jobs.store import JobStore
from service.observability.logs import current_trace, job_context, origin_context, tenant_context
from service.observability.spans import Span, SpanKind, span
from service.schemas.batch import BatchView
from service.schemas.job import JobView
from service.settings.webhooks import WebhookSettings
from service.webhooks.delivery import Delivery, DeliveryStatus
from service.webhooks.secrets import WebhookSecretStore
from service.webhooks.store import DeliveryStore
from service.webhooks.worker.sender import FORBIDDEN, Answer, WebhookSender
from service.webhooks.worker.signature import sign

logger = logging.getLogger(__name__)

_AGAIN = frozenset({408, 425, 429})
_GONE = 410
_LONGEST_WAIT_SECONDS = 14_400
"""Longest `Retry-After` of a receiver that is respected, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """The job or batch of a delivery: how to write its body, and the request that caused it."""

    write: Callable[[], str]
    context: AbstractContextManager[None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """A signed request."""

    headers: Mapping[str, str]
    body: bytes


class WebhookDeliverer:
    """Sends deliveries, any number concurrently. Redis is called in the loop's threads."""

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

    async def deliver(self, delivery: Delivery) -> None:
        """Send a claimed delivery once, and record its next state.

        Raises:
            StoreUnavailableError: while Redis is down; the delivery is due again when its claim
                expires.
        """
        subject = await asyncio.to_thread(self._find_subject, delivery)
        if subject is None:  # the record has expired
            await asyncio.to_thread(self._deliveries.settle, delivery, DeliveryStatus.FAILED)
            return
        with subject.context, _span(delivery) as step:
            request = await asyncio.to_thread(self._prepare, delivery, subject)
            if request is None:
                logger.info("%s webhook not sent: its address is disabled", delivery.event.value)
                await asyncio.to_thread(self._deliveries.settle, delivery, DeliveryStatus.DISABLED)
                return
            answer = await self._sender.send(
                delivery.url, headers=request.headers, body=request.body
            )
            _describe(step, answer)
            await asyncio.to_thread(self._settle, delivery, answer)

    def _find_subject(self, delivery: Delivery) -> _Subject | None:
        if delivery.batch_id is not None:
            batch = self._batches.get(delivery.batch_id)
            if batch is None:
                return None
            return _Subject(
                write=lambda: write_batch_body(delivery, self._batches.state(batch)),
                context=tenant_context(batch.tenant),
            )
        job = self._jobs.get(delivery.job_id) if delivery.job_id is not None else None
        if job is None:
            return None
        return _Subject(write=lambda: write_body(delivery, job), context=_job_context(job))

    def _prepare(self, delivery: Delivery, subject: _Subject) -> _Request | None:
        """Write and sign the request; None if the address is disabled."""
        if self._deliveries.is_disabled(delivery.tenant, delivery.url):
            return None
        body = delivery.body
        if body is None:
            body = subject.write()
            self._deliveries.save_body(delivery, body)
        return _Request(headers=self._headers(delivery, body.encode()), body=body.encode())

    def _settle(self, delivery: Delivery, answer: Answer) -> None:
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
        """Return the new status, and the seconds before a retry."""
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


def _span(delivery: Delivery) -> AbstractContextManager[Span]:
    return span(
        f"webhook {delivery.event.value}",
        kind=SpanKind.CLIENT,
        attributes={"hiir.webhook_id": delivery.id, "hiir.attempt": delivery.tries + 1},
    )


def _describe(step: Span, answer: Answer) -> None:
    code = answer.attempt.status_code
    if code is None:
        step.fail(answer.attempt.error or "unknown")
        return
    step.set({"http.response.status_code": code})
    if code >= 300:
        step.fail(str(code))


@contextmanager
def _job_context(job: Job) -> Iterator[None]:
    with (
        origin_context(
            tenant=job.tenant,
            request_id=job.request_id,
            traceparent=job.traceparent,
            tracestate=job.tracestate,
        ),
        job_context(job.id),
    ):
        yield


def write_body(delivery: Delivery, job: Job) -> str:
    """Build the body: the event, its time, and the job."""
    view = JobView.of(job, queue_position=None).model_dump(mode="json")
    if delivery.event is WebhookEvent.STARTED:
        # The body shows the state at the time of the event, because the job may have continued
        # since.
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
