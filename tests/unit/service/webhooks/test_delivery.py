from service.jobs.job import WebhookEvent
from service.webhooks.delivery import Delivery, DeliveryAttempt, DeliveryStatus, write_attempts

FIELDS = {
    "id": "msg_x_completed",
    "job_id": "x",
    "tenant": "open",
    "event": "completed",
    "url": "https://example.com/",
    "status": "pending",
    "created_at": "5.250",
}


def test_a_new_record_is_read():
    delivery = Delivery.from_fields(FIELDS, next_at=6.0)
    assert (delivery.event, delivery.status) == (WebhookEvent.COMPLETED, DeliveryStatus.PENDING)
    assert (delivery.tries, delivery.attempts, delivery.body) == (0, (), None)
    assert (delivery.created_at, delivery.next_at) == (5.25, 6.0)


def test_attempts_survive_the_store():
    attempts = (
        DeliveryAttempt(at=1.5, seconds=0.25, status_code=500),
        DeliveryAttempt(at=9, seconds=10, error="timeout"),
    )
    record = {**FIELDS, "attempts": write_attempts(attempts), "tries": "2", "status": "failed"}
    delivery = Delivery.from_fields(record, next_at=6.0)
    assert (delivery.attempts, delivery.tries, delivery.next_at) == (attempts, 2, None)
