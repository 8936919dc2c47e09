"""One event stream for all jobs of a tenant, or of a batch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.service.stack import Stack, photo, write

pytestmark = pytest.mark.integration
SOME_TILES, MANY_TILES = (110, 160), (150, 200)
Event = tuple[str, str, dict[str, Any]]


def listen(stack: Stack, path: str, after: str | None = None) -> Iterator[Event]:
    """Yield id, kind and data until the stream ends, or the caller has heard enough."""
    headers = {} if after is None else {"last-event-id": after}
    with stack.client.stream("GET", path, headers=headers) as answer:
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


def submit_batch(stack: Stack, count: int) -> dict[str, Any]:
    files = [("file", (f"{n}.png", write(photo(*SOME_TILES, seed=n)))) for n in range(count)]
    answer = stack.client.post("/v1/batches", data={"task": "identity"}, files=files)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def test_one_stream_has_every_event_of_all_jobs_in_order(stack: Stack) -> None:
    events: list[Event] = []
    jobs: set[str] = set()
    for event in listen(stack, "/v1/events"):
        events.append(event)
        if event[1] == "ready":
            for seed in range(7):
                content = write(photo(*MANY_TILES, seed=seed))
                jobs.add(stack.submit(content, "slow-identity")["id"])
        if sum(kind == "completed" for _, kind, _ in events) == 7:
            break
    assert [kind for _, kind, _ in events].count("ready") == 1
    changes = [event for event in events if event[1] != "ready"]
    positions = [tuple(map(int, event_id.split("-"))) for event_id, _, _ in changes]
    assert positions == sorted(set(positions))
    assert {data["id"] for _, _, data in changes} == jobs
    for job_id in jobs:
        of_job = [(kind, data) for _, kind, data in changes if data["id"] == job_id]
        own = [(kind, data) for _, kind, data in listen(stack, f"/v1/jobs/{job_id}/events")]
        assert of_job == own


def test_reconnecting_to_the_tenant_stream_misses_and_repeats_nothing(stack: Stack) -> None:
    heard: list[Event] = []
    for event in listen(stack, "/v1/events"):
        heard.append(event)
        break
    begin = heard[0][0]
    for seed in range(3):
        stack.submit(write(photo(*MANY_TILES, seed=seed)), "slow-identity")
    while sum(kind == "completed" for _, kind, _ in heard) < 3:
        for count, event in enumerate(listen(stack, "/v1/events", heard[-1][0]), start=1):
            heard.append(event)
            if count == 3 or event[1] == "completed":
                break
    whole = []
    for event in listen(stack, "/v1/events", begin):
        whole.append(event)
        if len(whole) == len(heard) - 1:
            break
    assert whole == heard[1:]


def test_events_that_are_no_longer_kept_are_announced(stack: Stack) -> None:
    job_id = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    stack.wait_end(job_id)
    for _ in range(2):
        for _, kind, data in listen(stack, "/v1/events", "5-0"):
            assert (kind, data) == ("reset", {})
            break
        with stack.database(1) as redis:
            redis.delete("hiir:tenant-events:open")


def test_the_stream_of_a_batch_ends_with_it_and_has_no_other_jobs(stack: Stack) -> None:
    begin = next(iter(listen(stack, "/v1/events")))[0]
    batch = submit_batch(stack, 5)
    other = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    path = f"/v1/batches/{batch['id']}/events"
    events = list(listen(stack, path, begin))
    jobs = {item["job_id"] for item in batch["items"]}
    assert events[-1][1:] == ("batch.completed", {"id": batch["id"]})
    assert {data["id"] for _, _, data in events[:-1]} == jobs
    assert other not in jobs
    assert sum(kind == "completed" for _, kind, _ in events) == 5
    # The same once more, and only the end for a client that comes later.
    assert list(listen(stack, path, begin)) == events
    assert [kind for _, kind, _ in listen(stack, path)] == ["ready", "batch.completed"]
    assert batch["urls"]["events"] == path


@pytest.mark.parametrize("last", ["x", "5", "5-", "1-2-3"])
def test_an_id_that_belongs_to_no_event_is_refused(stack: Stack, last: str) -> None:
    answer = stack.client.get("/v1/events", headers={"last-event-id": last})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-parameter")


def test_events_of_an_unknown_batch_are_not_found(stack: Stack) -> None:
    answer = stack.client.get(f"/v1/batches/{'0' * 32}/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "batch-not-found")
