"""Events of a job through broken connections, and waiting for its end."""

import httpx
import pytest

from hiir_client import ConnectionLostError, JobState, StreamEvent, WaitTimeoutError
from hiir_client.errors import WorkerLostError
from tests.unit.clients.python.fakes import (
    JOB_ID,
    Caller,
    FakeService,
    event,
    failure,
    job,
    problem,
    stream,
)

BROKEN = httpx.ReadError("reset", request=httpx.Request("GET", "http://x"))
FIRST, SECOND, LAST = event(1, "status", 0), event(2, "progress", 50), event(3, "completed", 100)


@pytest.mark.parametrize("cut", [1, len(SECOND) // 2, len(SECOND) - 1])
@pytest.mark.parametrize("error", [BROKEN, None], ids=["reset", "end"])
def test_a_stream_cut_inside_an_event_goes_on_behind_the_last_complete_one(
    caller: Caller, cut: int, error: Exception | None
) -> None:
    service = FakeService(
        [stream(FIRST, SECOND[:cut], error=error), stream(b"retry: 2000\n\n", SECOND, LAST)]
    )
    events = caller.call(service, lambda client: client.jobs.events(JOB_ID))
    assert [(item.id, item.kind) for item in events] == [
        ("1-0", "status"),
        ("2-0", "progress"),
        ("3-0", "completed"),
    ]
    assert events[1].job.progress.percent == 50
    assert "last-event-id" not in service.requests[0].headers
    assert service.requests[1].headers["last-event-id"] == "1-0"


def test_the_service_names_the_pause_before_a_reconnection(caller: Caller) -> None:
    service = FakeService([stream(b"retry: 2000\n\n", FIRST), stream(LAST)])
    caller.call(service, lambda client: client.jobs.events(JOB_ID))
    assert caller.slept == [2]


def test_a_stream_that_is_over_has_no_events(caller: Caller) -> None:
    service = FakeService([httpx.Response(204)])
    assert caller.call(service, lambda client: client.jobs.events(JOB_ID, after="3-0")) == []
    assert service.requests[0].headers["last-event-id"] == "3-0"


def test_a_stream_without_progress_is_given_up(caller: Caller) -> None:
    service = FakeService([stream(FIRST), stream(), stream()])
    with pytest.raises(ConnectionLostError):
        caller.call(service, lambda client: client.jobs.events(JOB_ID), retries=2)
    assert service.answers == []


def test_the_stream_of_a_batch_resumes_and_ends_with_the_batch(caller: Caller) -> None:
    ready = b"id: 1-0\nevent: ready\ndata: {}\n\n"
    reset = b"id: 1-0\nevent: reset\ndata: {}\n\n"
    end = b'id: 3-0\nevent: batch.completed\ndata: {"id": "b"}\n\n'
    service = FakeService([stream(ready, SECOND[:9]), stream(reset, SECOND, LAST, end)])
    events: list[StreamEvent] = caller.call(service, lambda client: client.batches.events("b"))
    assert [event.kind for event in events] == [
        *("ready", "reset", "progress", "completed", "batch.completed")
    ]
    assert [event.job is None for event in events] == [True, True, False, False, True]
    assert [request.url.path for request in service.requests] == ["/v1/batches/b/events"] * 2
    assert service.requests[1].headers["last-event-id"] == "1-0"


def test_the_stream_of_all_jobs_has_no_end(caller: Caller) -> None:
    service = FakeService([stream(FIRST, LAST), stream(LAST), stream(), stream()])
    with pytest.raises(ConnectionLostError):
        caller.call(service, lambda client: client.jobs.all_events(after="0-1"), retries=2)
    assert {request.url.path for request in service.requests} == {"/v1/events"}
    assert service.requests[0].headers["last-event-id"] == "0-1"
    assert service.answers == []


def test_waiting_reports_progress_and_returns_the_job(caller: Caller) -> None:
    service = FakeService([stream(FIRST, SECOND, LAST), httpx.Response(200, json=job("succeeded"))])
    seen: list[JobState] = []
    ended = caller.call(service, lambda client: client.jobs.wait(JOB_ID, on_progress=seen.append))
    assert ended.status == "succeeded"
    assert [state.progress.percent for state in seen] == [0, 50, 100]


def test_waiting_goes_on_without_events_where_a_proxy_breaks_them(caller: Caller) -> None:
    answers = [stream(), httpx.Response(200, json=job()), httpx.Response(200, json=job("failed"))]
    service = FakeService([*answers])
    ended = caller.call(
        service, lambda client: client.jobs.wait(JOB_ID, on_progress=lambda _: None), retries=0
    )
    assert ended.status == "failed"
    assert [request.url.query for request in service.requests] == [b"", b"wait=60", b"wait=60"]


def test_waiting_ends_in_time(caller: Caller) -> None:
    service = FakeService([httpx.Response(200, json=job("running"))])
    with pytest.raises(WaitTimeoutError, match="is running after 0 s"):
        caller.call(service, lambda client: client.jobs.wait(JOB_ID, timeout=0))


def test_an_exception_of_the_callback_reaches_the_caller(caller: Caller) -> None:
    def fail(state: JobState) -> None:
        raise KeyError(state.status)

    service = FakeService([stream(FIRST, SECOND)])
    with pytest.raises(KeyError, match="running"):
        caller.call(service, lambda client: client.jobs.wait(JOB_ID, on_progress=fail))


def test_a_failed_job_raises_its_own_error_at_once(caller: Caller) -> None:
    lost = job("failed", error=failure("worker-lost", retryable=True))
    service = FakeService([httpx.Response(202, json=job()), httpx.Response(200, json=lost)])
    with pytest.raises(WorkerLostError) as caught:
        caller.call(service, lambda client: client.restore(b"pixels", task="denoise"))
    assert (caught.value.job_id, caught.value.retryable) == (JOB_ID, True)
    assert (caught.value.limit, caught.value.actual) == (5, 7)


def test_the_result_of_a_failed_job_is_not_asked_for_again(caller: Caller) -> None:
    """The route answers with the failure's `retryable`, which is about a new job."""
    succeeded = job("succeeded")
    service = FakeService(
        [httpx.Response(200, json=succeeded), problem("worker-lost", 409, retryable=True)]
    )
    found = caller.call(service, lambda client: client.jobs.get(JOB_ID))
    with pytest.raises(WorkerLostError):
        caller.call(service, lambda client: client.jobs.download(found))
    assert caller.slept == []
