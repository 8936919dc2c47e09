"""Verification of webhooks: https://github.com/standard-webhooks/standard-webhooks, spec 1.0."""

import base64
import binascii
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hiir_client.errors import WebhookVerificationError
from hiir_client.exchange import decode_body
from hiir_client.models import Batch, Job

_PREFIX = "whsec_"
_VERSION = "v1,"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """A verified webhook."""

    id: str
    """Id of the message. A message may arrive twice, so remember the ids of handled messages."""
    type: str
    """`job.started`, `job.completed` or `batch.completed`."""
    timestamp: int
    """Time when this attempt was sent, in seconds since the epoch."""
    data: Mapping[str, Any]
    """The job or the batch, as JSON."""

    def job(self) -> Job:
        """Return `data` as a job."""
        return decode_body(Job, json.dumps(self.data), status=200)

    def batch(self) -> Batch:
        """Return `data` as a batch."""
        return decode_body(Batch, json.dumps(self.data), status=200)


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    *,
    tolerance: float = 300.0,
    now: float | None = None,
) -> WebhookMessage:
    """Verify a request, and return its message.

    Args:
        body: the unchanged body.
        headers: the headers.
        secrets: one or more secrets, `whsec_` and the key in base64; during a rotation pass the old
            and the new one.
        tolerance: maximum difference between the clocks, in seconds.
        now: current time in seconds since the epoch; by default that of this machine.

    Raises:
        WebhookVerificationError: if the service has not signed it, or it is too old.
        ValueError: if a secret is malformed.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    message_id, stamp, signatures = (
        fields.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    if not (message_id and signatures and stamp.isascii() and stamp.isdigit()):
        raise WebhookVerificationError(
            "A header is missing or malformed: webhook-id, -timestamp or -signature."
        )
    age = (time.time() if now is None else now) - int(stamp)
    if abs(age) > tolerance:
        raise WebhookVerificationError(
            f"The webhook was sent {age:.0f} s ago, and {tolerance:.0f} s are allowed."
        )
    content = b".".join((message_id.encode(), stamp.encode(), body))
    known = [secrets] if isinstance(secrets, str) else secrets
    expected = [hmac.digest(_read_secret(secret), content, "sha256") for secret in known]
    received = [_read_signature(text) for text in signatures.split()]
    # Every pair is compared, so that the time does not depend on which of them is equal.
    if not sum(hmac.compare_digest(one, other) for one in expected for other in received):
        raise WebhookVerificationError("No signature matches.")
    return _read_message(body, message_id=message_id, timestamp=int(stamp))


def _read_message(body: bytes, *, message_id: str, timestamp: int) -> WebhookMessage:
    try:
        content = json.loads(body)
        return WebhookMessage(
            id=message_id, type=content["type"], timestamp=timestamp, data=content["data"]
        )
    except (ValueError, TypeError, KeyError) as error:
        raise WebhookVerificationError("The body is not a webhook of this service.") from error


def _read_secret(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("A webhook secret is `whsec_` and the key in base64.")
    return key


def _read_signature(text: str) -> bytes:
    if not text.startswith(_VERSION):
        return b""  # a signature of another version of the specification
    try:
        return base64.b64decode(text.removeprefix(_VERSION), validate=True)
    except (binascii.Error, ValueError):
        return b""
