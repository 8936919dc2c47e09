"""Webhooks: what the service signs is accepted, and nothing else."""

import json

import pytest

from hiir_client import WebhookVerificationError, verify_webhook
from service.webhooks.worker.signature import sign
from tests.unit.clients.python.fakes import job

OLD, NEW = "whsec_plJ3nmyCDGBKInavdOK15jsl", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_700_000_000
BODY = json.dumps(
    {"type": "job.completed", "timestamp": "2026-01-01T12:00:00Z", "data": job("succeeded")}
).encode()


def headers(*secrets: str, body: bytes = BODY, timestamp: int = NOW) -> dict[str, str]:
    signature = sign(secrets, message_id="msg_1", timestamp=timestamp, body=body)
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": signature,
    }


@pytest.mark.parametrize("signing", [[OLD], [NEW], [OLD, NEW]])
@pytest.mark.parametrize("known", [[OLD, NEW], [NEW, OLD]])
def test_old_and_new_secret_verify(signing: list[str], known: list[str]) -> None:
    message = verify_webhook(BODY, headers(*signing), known, now=NOW + 299)
    assert (message.id, message.type, message.timestamp) == ("msg_1", "job.completed", NOW)
    assert message.job().status == "succeeded"


def test_a_receiver_with_one_secret_verifies_during_a_rotation() -> None:
    for known in (OLD, NEW):
        assert verify_webhook(BODY, headers(NEW, OLD), known, now=NOW).id == "msg_1"


def test_a_signature_of_the_reference_implementation_verifies() -> None:
    """Made by `standardwebhooks` 1.1.0 from PyPI, with the secret `NEW`."""
    body = b'{"type":"job.completed","data":{}}'
    signature = "v1,mmt7WfQLBpkk3Mp+q8J1O+ajBTG+S5d5X75SjniP4kM="
    received = {**headers(OLD), "Webhook-Signature": f"v1a,AAAA garbage v1,% {signature}"}
    assert verify_webhook(body, received, NEW, now=NOW).data == {}
    with pytest.raises(WebhookVerificationError, match="No signature matches"):
        verify_webhook(body + b" ", received, NEW, now=NOW)


def test_a_signed_body_of_another_form_is_refused() -> None:
    for body in (b"[]", b"{}", b"\xff"):
        with pytest.raises(WebhookVerificationError, match="not a webhook of this service"):
            verify_webhook(body, headers(NEW, body=body), NEW, now=NOW)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Webhook-Id": "msg_2"}, "No signature matches"),
        ({"Webhook-Timestamp": str(NOW + 1)}, "No signature matches"),
        ({"Webhook-Timestamp": "now"}, "malformed"),
        ({"Webhook-Signature": ""}, "missing"),
        ({"Webhook-Signature": "v2,AAAA"}, "No signature matches"),
        ({"Webhook-Signature": "v1,"}, "No signature matches"),
    ],
)
def test_a_changed_header_is_refused(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(WebhookVerificationError, match=reason):
        verify_webhook(BODY, {**headers(NEW), **changed}, NEW, now=NOW)


@pytest.mark.parametrize("age", [301, -301])
def test_another_time_is_refused(age: int) -> None:
    with pytest.raises(WebhookVerificationError, match="300 s are allowed"):
        verify_webhook(BODY, headers(NEW), NEW, now=NOW + age)


def test_another_secret_or_none_is_refused() -> None:
    with pytest.raises(WebhookVerificationError, match="No signature matches"):
        verify_webhook(BODY, headers(NEW), OLD, now=NOW)
    with pytest.raises(WebhookVerificationError, match="No signature matches"):
        verify_webhook(BODY, headers(NEW), [], now=NOW)
    for malformed in ("whsec_", "whsec_%", ""):
        with pytest.raises(ValueError, match="whsec_"):
            verify_webhook(BODY, headers(NEW), malformed, now=NOW)
