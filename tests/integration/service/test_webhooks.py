"""Webhooks to real receivers, well behaved and not: signed, repeated, given up; jobs never wait."""

import base64
import hmac
import json
import time
from typing import Any

import pytest

from tests.integration.service.receiver import Receiver, receiving
from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
SOME_TILES = (70, 70)


@pytest.fixture(scope="module")
def hooked(running_stack: Stack) -> Stack:
    """The service with the worker that sends webhooks."""
    if running_stack.redis.process is None:
        running_stack.start()
    if running_stack.webhooks.process is None:
        running_stack.webhooks.start()
    return running_stack


@pytest.fixture
def hooks(hooked: Stack, stack: Stack) -> Stack:
    return stack


def submit(stack: Stack, url: str, **fields: str) -> str:
    content = write(photo(*SOME_TILES))
    return stack.submit(content, "identity", webhook_url=url, **fields)["id"]


def deliveries(stack: Stack, job_id: str) -> list[dict[str, Any]]:
    answer = stack.client.get(f"/v1/jobs/{job_id}/deliveries")
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


def settled(stack: Stack, job_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The deliveries when none waits any more."""

    def look() -> list[dict[str, Any]] | None:
        found = deliveries(stack, job_id)
        done = len(found) == count and all(item["status"] != "pending" for item in found)
        return found if done else None

    return wait_until(look, "the deliveries to be settled")


def signatures(receiver: Receiver, number: int = -1) -> tuple[bytes, list[str]]:
    """What was signed, and the signatures."""
    headers, body = receiver.received[number]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return content, headers["webhook-signature"].split(" ")


def signed_by(secret: str, content: bytes) -> str:
    """Written out here as the standard has it, and not by the code under test."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, content, "sha256").digest()).decode()


def test_owner_is_told_of_the_start_and_of_the_end(hooks: Stack) -> None:
    with receiving() as receiver:
        job_id = submit(hooks, receiver.url, webhook_events="completed,started")
        found = settled(hooks, job_id, count=2)
    job = hooks.job(job_id)
    assert job["webhook"] == {"url": receiver.url, "events": ["started", "completed"]}
    assert [(item["event"], item["status"]) for item in found] == [
        ("started", "delivered"),
        ("completed", "delivered"),
    ]
    told = {body["type"]: body["data"] for body in receiver.bodies()}
    assert told["job.completed"] == job
    assert (told["job.started"]["id"], told["job.started"]["status"]) == (job_id, "running")
    assert {headers["webhook-id"] for headers, _ in receiver.received} == {
        item["id"] for item in found
    }
    secret = hooks.client.get("/v1/webhooks/secret").json()["secret"]
    for number, (headers, _) in enumerate(receiver.received):
        content, given = signatures(receiver, number)
        assert signed_by(secret, content) in given
        assert abs(time.time() - int(headers["webhook-timestamp"])) < 60
        assert headers["content-type"] == "application/json"
        assert headers["traceparent"].startswith("00-")


def test_owner_of_a_batch_is_told_of_its_end_once(hooks: Stack) -> None:
    metadata = {"album": "summer"}
    with receiving() as receiver:
        made = hooks.client.post(
            "/v1/batches",
            data={
                "task": "identity",
                "webhook_url": receiver.url,
                "webhook_events": "batch.completed",
                "client_metadata": json.dumps(metadata),
            },
            files=[("file", (f"{n}.png", write(photo(*SOME_TILES, seed=n)))) for n in range(3)],
        ).json()
        wait_until(lambda: receiver.received, "the webhook")
        time.sleep(1)  # for a second one
    (body,) = receiver.bodies()
    assert body["type"] == "batch.completed"
    assert body["data"] == hooks.client.get(made["urls"]["self"]).json()
    assert (body["data"]["ended"], body["data"]["client_metadata"]) == (True, metadata)
    assert [item["filename"] for item in body["data"]["items"]] == ["0.png", "1.png", "2.png"]


def test_delivery_of_a_batch_is_retried_and_sent_again_on_request(hooks: Stack) -> None:
    with receiving() as receiver:
        receiver.statuses = [503]
        made = hooks.client.post(
            "/v1/batches",
            data={
                "task": "identity",
                "webhook_url": receiver.url,
                "webhook_events": "batch.completed",
            },
            files=[("file", ("0.png", write(photo(*SOME_TILES))))],
        ).json()
        path = made["urls"]["deliveries"]

        def ended(status: str) -> Any:
            found = hooks.client.get(path).json()["deliveries"]
            return [item for item in found if item["status"] == status]

        (failed,) = wait_until(lambda: ended("failed"), "the delivery to fail")
        assert (failed["event"], len(failed["attempts"])) == ("batch.completed", 4)
        receiver.statuses = [200]
        again = hooks.client.post(f"{path}/{failed['id']}/redeliver")
        assert (again.status_code, again.json()["status"]) == (202, "pending")
        (delivered,) = wait_until(lambda: ended("delivered"), "the delivery")
    assert len(delivered["attempts"]) == 5
    assert len({body for _, body in receiver.received}) == 1
    unknown = hooks.client.post(f"{path}/msg_other/redeliver")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "delivery-not-found")
    foreign = hooks.client.get(f"/v1/batches/{'0' * 32}/deliveries")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "batch-not-found")


def test_event_of_batches_is_refused_for_a_single_job(hooks: Stack) -> None:
    refused = hooks.client.post(
        "/v1/jobs",
        data={
            "task": "identity",
            "webhook_url": "http://127.0.0.2/",
            "webhook_events": "batch.completed",
        },
        files={"file": ("a.png", write(photo(*SOME_TILES)))},
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-parameter")


def test_completed_alone_is_told_unless_asked_for_more_and_nothing_without_a_webhook(
    hooks: Stack,
) -> None:
    with receiving() as receiver:
        told = submit(hooks, receiver.url)
        silent = hooks.submit(write(photo(*SOME_TILES)), "identity")["id"]
        assert [item["event"] for item in settled(hooks, told)] == ["completed"]
        hooks.wait_end(silent)
        assert deliveries(hooks, silent) == []
    assert [body["type"] for body in receiver.bodies()] == ["job.completed"]


def test_new_secret_and_old_one_both_sign_while_receivers_change(hooks: Stack) -> None:
    old = hooks.client.get("/v1/webhooks/secret").json()["secret"]
    rotated = hooks.client.post("/v1/webhooks/secret/rotate")
    new = rotated.json()["secret"]
    assert old != new
    assert rotated.json()["previous_valid_until"] is not None
    assert rotated.headers["cache-control"] == "no-store"
    with receiving() as receiver:
        settled(hooks, submit(hooks, receiver.url))
    content, given = signatures(receiver)
    assert given == [signed_by(new, content), signed_by(old, content)]


def test_failing_receiver_is_tried_on_schedule_with_the_same_id_and_bytes(hooks: Stack) -> None:
    with receiving() as receiver:
        receiver.statuses = [500, 429, 200]
        (delivery,) = settled(hooks, submit(hooks, receiver.url))
    assert delivery["status"] == "delivered"
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [500, 429, 200]
    assert len({body for _, body in receiver.received}) == 1
    assert {headers["webhook-id"] for headers, _ in receiver.received} == {delivery["id"]}


def test_delivery_fails_after_its_last_attempt_and_can_be_sent_again(hooks: Stack) -> None:
    with receiving() as receiver:
        receiver.statuses = [503]
        job_id = submit(hooks, receiver.url)
        (failed,) = settled(hooks, job_id)
        assert (failed["status"], len(failed["attempts"])) == ("failed", 4)
        receiver.statuses = [200]
        path = f"/v1/jobs/{job_id}/deliveries/{failed['id']}/redeliver"
        again = hooks.client.post(path)
        assert (again.status_code, again.json()["status"]) == (202, "pending")
        (delivered,) = settled(hooks, job_id)
    assert (delivered["status"], len(delivered["attempts"])) == ("delivered", 5)
    unknown = hooks.client.post(f"/v1/jobs/{job_id}/deliveries/msg_other/redeliver")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "delivery-not-found")


def test_receiver_that_is_gone_is_left_alone_until_its_owner_asks(hooks: Stack) -> None:
    with receiving() as receiver:
        receiver.statuses = [410]
        first = submit(hooks, receiver.url)
        assert settled(hooks, first)[0]["status"] == "disabled"
        second = submit(hooks, receiver.url)
        (left,) = settled(hooks, second)
        assert (left["status"], left["attempts"]) == ("disabled", [])
        assert len(receiver.received) == 1
        receiver.statuses = [200]
        hooks.client.post(f"/v1/jobs/{second}/deliveries/{left['id']}/redeliver")
        assert settled(hooks, second)[0]["status"] == "delivered"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404])
def test_redirects_are_not_followed_and_refusals_are_final(hooks: Stack, status: int) -> None:
    with receiving() as elsewhere, receiving() as receiver:
        receiver.statuses, receiver.headers = [status], {"location": elsewhere.url}
        (delivery,) = settled(hooks, submit(hooks, receiver.url))
        assert (delivery["status"], len(receiver.received)) == ("failed", 1)
        assert [attempt["status_code"] for attempt in delivery["attempts"]] == [status]
        assert elsewhere.received == []


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1"])
def test_name_that_leads_inside_is_not_reached(hooks: Stack, host: str) -> None:
    with receiving("127.0.0.1") as inside:
        port = inside.url.split(":")[2].partition("/")[0]
        job_id = submit(hooks, f"http://{host}:{port}/")
        (delivery,) = settled(hooks, job_id)
        assert hooks.job(job_id)["status"] == "succeeded"
        assert delivery["status"] == "failed"
        assert [attempt["error"] for attempt in delivery["attempts"]] == ["address-refused"]
        assert inside.received == []


@pytest.mark.parametrize("behaviour", ["slow", "dripping", "absent"])
def test_bad_receivers_are_given_up_in_time_and_delay_no_job(hooks: Stack, behaviour: str) -> None:
    with receiving() as receiver:
        receiver.delay_s = 5 if behaviour == "slow" else 0
        receiver.drip = behaviour == "dripping"
        url = "http://127.0.0.2:9/" if behaviour == "absent" else receiver.url
        # More than there are threads to send: jobs go on behind receivers that hold them all.
        jobs = [submit(hooks, url) for _ in range(8)]
        for job_id in jobs:
            assert hooks.wait_end(job_id)["status"] == "succeeded"
        if behaviour != "absent":
            waiting = [item for job_id in jobs for item in deliveries(hooks, job_id)]
            assert any(item["status"] == "pending" for item in waiting)
        found = settled(hooks, jobs[0])
    word = "connection-failed" if behaviour == "absent" else "timeout"
    assert {attempt["error"] for attempt in found[0]["attempts"]} == {word}
    assert all(attempt["seconds"] < 3 for attempt in found[0]["attempts"])


def test_receiver_that_does_not_answer_delays_no_other(hooks: Stack) -> None:
    with receiving() as dead, receiving() as healthy:
        dead.delay_s = 20
        held = [submit(hooks, dead.url) for _ in range(40)]
        for job_id in held:
            hooks.wait_end(job_id)
        delays = []
        for _ in range(3):
            before = len(healthy.received)
            job_id = submit(hooks, healthy.url)
            ended = hooks.wait_end(job_id)
            began = time.monotonic()
            wait_until(lambda: len(healthy.received) > before, "the webhook", pause_s=0.01)  # noqa: B023
            delays.append(time.monotonic() - began)
            assert ended["status"] == "succeeded"
        assert any(deliveries(hooks, job_id)[0]["status"] == "pending" for job_id in held)
        assert max(delays) < 1.5, delays


def test_redeliveries_are_limited(hooks: Stack) -> None:
    with receiving() as receiver:
        job_id = submit(hooks, receiver.url)
        (delivery,) = settled(hooks, job_id)
        path = f"/v1/jobs/{job_id}/deliveries/{delivery['id']}/redeliver"
        answers = [hooks.client.post(path) for _ in range(20)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(answers) - len(refused) <= 12
    assert refused[-1].json()["code"] == "too-many-redeliveries"
    assert 1 <= int(refused[-1].headers["retry-after"]) <= 60
    with hooks.database(1) as redis:
        redis.delete("hiir:redeliveries:open")  # later tests may redeliver


def test_what_became_due_without_a_sender_or_died_with_it_is_sent_by_the_next(
    hooks: Stack,
) -> None:
    with receiving() as receiver:
        receiver.statuses = [503, 200]
        job_id = submit(hooks, receiver.url)
        wait_until(lambda: receiver.received, "the first attempt")
        hooks.webhooks.kill()
        another = submit(hooks, receiver.url)
        assert hooks.wait_end(another)["status"] == "succeeded"
        hooks.webhooks.start()
        assert settled(hooks, another)[0]["status"] == "delivered"
        assert settled(hooks, job_id)[0]["status"] == "delivered"
    identifiers = [headers["webhook-id"] for headers, _ in receiver.received]
    assert len(set(identifiers)) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"webhook_url": "ftp://example.com/"},
        {"webhook_url": "http://127.0.0.1:8000/"},
        {"webhook_url": "http://[::ffff:10.0.0.1]/"},
        {"webhook_url": "http://169.254.169.254/latest/meta-data"},
        {"webhook_url": "https://user:word@example.com/"},
        {"webhook_url": "not an address"},
    ],
)
def test_address_that_cannot_be_a_webhook_is_refused_at_once(
    stack: Stack, fields: dict[str, str]
) -> None:
    before = stack.stored()
    answer = stack.client.post(
        "/v1/jobs",
        data={"task": "identity", **fields},
        files={"file": write(photo(*SOME_TILES))},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-webhook-url")
    assert stack.stored() == before


@pytest.mark.parametrize(
    "fields", [{"webhook_events": "completed"}, {"webhook_url": "x", "webhook_events": "ended"}]
)
def test_events_that_are_none_are_refused(stack: Stack, fields: dict[str, str]) -> None:
    fields = {**fields, "task": "identity"}
    if "webhook_url" in fields:
        fields["webhook_url"] = "https://example.com/"
    answer = stack.client.post("/v1/jobs", data=fields, files={"file": write(photo(*SOME_TILES))})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-parameter")
