"""Server-sent events: each once and in order, however often the connection ends."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
SOME_TILES, MANY_TILES = (110, 160), (150, 200)
READS = ("xrange", "hgetall")
Event = tuple[str, str, dict[str, Any]]


def listen(stack: Stack, job_id: str, after: str | None = None) -> Iterator[Event]:
    """Yield id, kind and data until the stream ends, or the caller has heard enough."""
    headers = {} if after is None else {"last-event-id": after}
    with stack.client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                yield fields["id"], fields["event"], json.loads(fields["data"])
                fields = {}


def test_whole_life_of_a_job_is_told(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    events = list(listen(stack, job_id))
    kinds = [kind for _, kind, _ in events]
    assert [data["status"] for _, kind, data in events if kind == "status"] == ["queued", "running"]
    assert kinds[-1] == "completed"
    assert kinds.count("completed") == 1
    assert kinds.count("progress") > 1
    percents = [data["progress"]["percent"] for _, _, data in events]
    assert percents == sorted(percents)
    assert events[-1][2] == {
        "id": job_id,
        "status": "succeeded",
        "progress": {
            "stage": "done",
            "tiles_done": 12,
            "tiles_total": 12,
            "tile_grid": {"columns": 4, "rows": 3},
            "percent": 100,
        },
        "attempt": 1,
        "cancel_requested": False,
        "error": None,
    }


def test_reconnecting_misses_and_repeats_nothing(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    heard: list[Event] = []
    connections = 0
    while not heard or heard[-1][1] != "completed":
        after = heard[-1][0] if heard else None
        connections += 1
        for event in listen(stack, job_id, after):
            heard.append(event)
            if len(heard) % 2:  # hang up after every other event
                break
    assert connections > 2
    assert heard == list(listen(stack, job_id))
    assert len({event_id for event_id, _, _ in heard}) == len(heard)


def test_who_has_heard_the_end_need_not_come_back(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    *_, (last, kind, _) = listen(stack, job_id)
    assert kind == "completed"
    url = f"/v1/jobs/{job_id}/events"
    again = stack.client.get(url, headers={"last-event-id": last})
    assert (again.status_code, again.content) == (204, b"")


def test_attempts_and_cancellation_are_told(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    stack.wait_running(job_id)
    for child in stack.worker.children():
        child.kill()
    stack.wait_for(job_id, lambda job: job["attempt"] == 2, "the second attempt")
    stack.client.post(f"/v1/jobs/{job_id}/cancel")
    told = [
        (data["status"], data["attempt"], data["cancel_requested"])
        for _, kind, data in listen(stack, job_id)
        if kind != "progress"
    ]
    assert told == [
        ("queued", 0, False),
        ("running", 1, False),
        ("queued", 1, False),
        ("running", 2, False),
        ("running", 2, True),
        ("canceled", 2, True),
    ]


def test_silence_is_broken_by_pings(stack: Stack) -> None:
    stack.worker.kill()
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    with stack.client.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        pings = 0
        for line in answer.iter_lines():
            pings += line == ": ping"
            if pings == 2:
                break
    stack.client.post(f"/v1/jobs/{job_id}/cancel")


def test_stream_ends_while_redis_is_away_and_goes_on_after(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    stack.wait_running(job_id)
    heard = []
    for event in listen(stack, job_id):
        heard.append(event)
        if len(heard) == 3:
            stack.redis.kill()
    assert heard[-1][1] != "completed"
    stack.start()
    stack.wait_end(job_id)
    rest = list(listen(stack, job_id, heard[-1][0]))
    assert rest[-1][1] == "completed"
    assert heard + rest == list(listen(stack, job_id))


@pytest.mark.parametrize("last", ["x", "5", "5-", "1-2-3", "9" * 50])
def test_id_that_is_none_of_an_event_is_refused(stack: Stack, last: str) -> None:
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    answer = stack.client.get(f"/v1/jobs/{job_id}/events", headers={"last-event-id": last})
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"invalid-parameter", "invalid-request"}
    wait_until(lambda: stack.job(job_id)["status"] == "succeeded", "the end")


def test_events_of_an_unknown_job_are_not_found(stack: Stack) -> None:
    answer = stack.client.get(f"/v1/jobs/{'0' * 32}/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")


def test_end_is_known_after_the_other_events_have_expired(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    stack.wait_end(job_id)
    path = f"/v1/jobs/{job_id}/events"
    whole = stack.client.get(path).text
    with stack.database(1) as redis:
        assert 0 < redis.ttl(f"hiir:events:{job_id}") <= 600
        redis.delete(f"hiir:events:{job_id}")
    late = stack.client.get(path)
    assert late.status_code == 200
    assert late.text.partition("id: ")[2] == whole.rpartition("id: ")[2]
    last = late.text.partition("id: ")[2].partition("\n")[0]
    assert stack.client.get(path, headers={"last-event-id": last}).status_code == 204


def test_lost_connection_of_the_feed_loses_no_event(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*MANY_TILES)), "slow-identity")["id"]
    heard = []
    with stack.database(1) as redis:
        for event in listen(stack, job_id):
            heard.append(event)
            redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    assert heard[-1][1] == "completed"
    assert heard == list(listen(stack, job_id))


def test_waiting_clients_ask_redis_for_nothing(stack: Stack) -> None:
    stack.worker.kill()
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    threads = [
        threading.Thread(target=lambda: list(listen(stack, job_id)), daemon=True) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    with stack.database(1) as redis:

        def reads() -> int:
            stats = redis.info("commandstats")
            return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in READS)

        def settled() -> bool:
            before = reads()
            time.sleep(0.5)
            return reads() == before

        wait_until(settled, "all streams to wait")
        before = reads()
        time.sleep(3)
        assert reads() == before
    stack.client.post(f"/v1/jobs/{job_id}/cancel")
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive(), "each stream ends with its job"
    stack.start()
