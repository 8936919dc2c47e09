"""What an answer means for a delivery."""

import pytest

from service.jobs.job import JobStatus, WebhookEvent
from service.settings.webhooks import WebhookSettings
from service.webhooks.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from service.webhooks.worker.deliverer import WebhookDeliverer, write_body
from service.webhooks.worker.sender import Answer

PENDING, FAILED = DeliveryStatus.PENDING, DeliveryStatus.FAILED


def delivery(**changes):
    values = {
        "id": "msg_a_completed",
        "job_id": "a",
        "tenant": "open",
        "event": WebhookEvent.COMPLETED,
        "url": "https://example.com/",
        "status": PENDING,
        "created_at": 1_700_000_000.0,
    }
    return Delivery(**{**values, **changes})


def judge(*, code=None, error=None, tries=0, retry_after=None):
    settings = WebhookSettings(retry_seconds=(10, 100), jitter=0.5)
    deliverer = WebhookDeliverer(
        deliveries=None,
        secrets=None,
        jobs=None,
        batches=None,
        sender=None,
        settings=settings,
    )
    attempt = DeliveryAttempt(at=0, seconds=0, status_code=code, error=error)
    answer = Answer(attempt=attempt, retry_after=retry_after)
    return deliverer._decide(delivery(tries=tries), answer)


@pytest.mark.parametrize("code", [200, 201, 204, 299])
def test_success_is_the_end(code):
    assert judge(code=code) == (DeliveryStatus.DELIVERED, None)


@pytest.mark.parametrize("code", [199, 300, 302, 400, 401, 404, 422, 499])
def test_what_will_not_change_is_the_end(code):
    assert judge(code=code) == (FAILED, None)


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 599])
def test_what_may_change_is_tried_again_after_growing_pauses_with_jitter(code):
    pauses = [judge(code=code)[1] for _ in range(50)]
    assert all(5 <= pause <= 15 for pause in pauses)
    assert len(set(pauses)) > 10
    status, pause = judge(code=code, tries=1)
    assert status is PENDING
    assert 50 <= pause <= 150
    assert judge(code=code, tries=2) == (FAILED, None)


@pytest.mark.parametrize("error", ["timeout", "connection-failed", "tls-failed", "name-unknown"])
def test_no_answer_is_tried_again(error):
    assert judge(error=error)[0] is PENDING


@pytest.mark.parametrize("error", ["address-refused", "url-refused"])
def test_what_must_not_be_reached_is_not_tried_again(error):
    assert judge(error=error) == (FAILED, None)


def test_gone_disables():
    assert judge(code=410) == (DeliveryStatus.DISABLED, None)


@pytest.mark.parametrize(("asked", "given"), [(3600, 3600), (10**9, 14_400)])
def test_receiver_may_ask_for_a_longer_pause_within_reason(asked, given):
    assert judge(code=503, retry_after=asked) == (PENDING, given)


def test_start_is_told_as_it_was_whatever_came_after(make_job):
    job = make_job(status=JobStatus.FAILED, finished_at=9.0)
    body = write_body(delivery(event=WebhookEvent.STARTED), job)
    assert '"type":"job.started"' in body
    assert '"status":"running"' in body
    assert '"finished_at":null' in body
