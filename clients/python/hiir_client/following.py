"""Following jobs and batches to their end."""

import time
from collections.abc import Callable, Generator
from typing import Any, TypeAlias

from hiir_client.effects import Close, Effect, Emit, Operation, Read, Request, Sleep
from hiir_client.errors import ConnectionLostError, HiirClientError, WaitTimeoutError
from hiir_client.exchange import decode_body, open_stream, pause_before, send
from hiir_client.models import Batch, Job, JobEvent, JobState, StreamEvent
from hiir_client.retries import RetryPolicy
from hiir_client.server_events import EventParser, ServerEvent
from hiir_client.submission import quote_id

OnProgress: TypeAlias = Callable[[JobState], None]

_LAST = "completed"
_LAST_OF_BATCH = "batch.completed"
_OF_A_JOB = {"status", "progress", "completed"}
_NO_CONTENT = 204
_LONGEST_WAIT = 60
"""Maximum seconds for which a request asks the service to delay its response."""
_BATCH_PAUSES = (0.5, 5.0)
"""First and longest pause between two requests for the state of a batch, in seconds."""


def get_job(job_id: str, *, wait: int = 0, policy: RetryPolicy) -> Operation[Job]:
    """Return a job; with `wait`, when it has ended, or after that many seconds."""
    request = Request(
        method="GET",
        path=f"/v1/jobs/{quote_id(job_id)}",
        query={"wait": str(wait)} if wait else {},
        extra_read_seconds=wait,
    )
    return (yield from send(request, policy=policy)).decode(Job)


def get_batch(batch_id: str, *, policy: RetryPolicy) -> Operation[Batch]:
    """Return a batch with the status of each file."""
    request = Request(method="GET", path=f"/v1/batches/{quote_id(batch_id)}")
    return (yield from send(request, policy=policy)).decode(Batch)


def follow_events(
    job_id: str, *, after: str | None = None, policy: RetryPolicy
) -> Generator[Effect, Any, None]:
    """Emit each `JobEvent` once, until the job has ended."""
    path = f"/v1/jobs/{quote_id(job_id)}/events"
    return _follow(path, read=_read_event, last=_LAST, after=after, policy=policy)


def follow_all_events(
    *, after: str | None = None, policy: RetryPolicy
) -> Generator[Effect, Any, None]:
    """Emit each `StreamEvent` of all jobs once, without end."""
    return _follow("/v1/events", read=_read_stream_event, last=None, after=after, policy=policy)


def follow_batch_events(
    batch_id: str, *, after: str | None = None, policy: RetryPolicy
) -> Generator[Effect, Any, None]:
    """Emit each `StreamEvent` of a batch's jobs once, until all have ended."""
    path = f"/v1/batches/{quote_id(batch_id)}/events"
    return _follow(path, read=_read_stream_event, last=_LAST_OF_BATCH, after=after, policy=policy)


def _follow(
    path: str,
    *,
    read: Callable[[ServerEvent], JobEvent | StreamEvent],
    last: str | None,
    after: str | None,
    policy: RetryPolicy,
) -> Generator[Effect, Any, None]:
    """Emit the values that `read` returns for each event; resumes after a lost connection."""
    last_id, retry = after or "", 0
    reconnect_seconds: float | None = None
    while True:
        parser = EventParser(last_id=last_id, reconnect_seconds=reconnect_seconds)
        request = Request(
            method="GET",
            path=path,
            headers={
                "Accept": "text/event-stream",
                "Cache-Control": "no-store",
                **({"Last-Event-ID": last_id} if last_id else {}),
            },
        )
        failure: HiirClientError = ConnectionLostError("The stream ended before its last event.")
        try:
            head = yield from open_stream(request, policy=policy)
            if head.status == _NO_CONTENT:
                yield Close()
                return
            while piece := (yield Read()):
                for event in parser.feed(piece):
                    last_id, retry = event.id, 0
                    yield Emit(read(event))
                    if event.kind == last:
                        yield Close()
                        return
        except ConnectionLostError as error:
            failure = error
        yield Close()
        reconnect_seconds = parser.reconnect_seconds
        if reconnect_seconds is not None and retry < policy.retries:
            yield Sleep(min(reconnect_seconds, policy.longest_pause))
        else:
            yield from pause_before(retry, failure, request=request, policy=policy)
        retry += 1


def wait_for_job(
    job_id: str,
    *,
    timeout: float | None = None,
    on_progress: OnProgress | None = None,
    policy: RetryPolicy,
) -> Operation[Job]:
    """Return the job when it has ended.

    Raises:
        WaitTimeoutError: after `timeout` seconds.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    if on_progress is not None:
        yield from _report(job_id, on_progress, deadline=deadline, policy=policy)
    while True:
        left = _LONGEST_WAIT if deadline is None else max(deadline - time.monotonic(), 0)
        job = yield from get_job(job_id, wait=min(int(left), _LONGEST_WAIT), policy=policy)
        if job.ended:
            return job
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitTimeoutError(f"Job {job_id} is {job.status} after {timeout} s.")
        if left < 1:  # less than the shortest wait of the service
            yield Sleep(left)


def wait_for_batch(
    batch_id: str, *, timeout: float | None = None, policy: RetryPolicy
) -> Operation[Batch]:
    """Return the batch when all jobs have ended.

    Raises:
        WaitTimeoutError: after `timeout` seconds.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pause, longest = _BATCH_PAUSES
    while True:
        batch = yield from get_batch(batch_id, policy=policy)
        if batch.ended:
            return batch
        left = longest if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise WaitTimeoutError(f"Batch {batch_id} has not ended after {timeout} s.")
        yield Sleep(min(pause, left))
        pause = min(pause * 1.5, longest)


def _report(
    job_id: str, on_progress: OnProgress, *, deadline: float | None, policy: RetryPolicy
) -> Generator[Effect, Any, None]:
    """Call `on_progress` for each event; a stream that fails permanently is not an error here."""
    events = follow_events(job_id, policy=policy)
    answer: Any = None
    failure: ConnectionLostError | None = None
    while True:
        try:
            effect = events.send(answer) if failure is None else events.throw(failure)
        except (StopIteration, ConnectionLostError):
            return  # the caller requests the job's state next
        answer, failure = None, None
        if isinstance(effect, Emit):
            on_progress(effect.value.job)
            if deadline is not None and time.monotonic() >= deadline:
                yield Close()
                return
            continue
        try:
            answer = yield effect
        except ConnectionLostError as error:
            failure = error


def _read_event(event: ServerEvent) -> JobEvent:
    state = decode_body(JobState, event.data, status=200)
    return JobEvent(id=event.id, kind=event.kind, job=state)


def _read_stream_event(event: ServerEvent) -> StreamEvent:
    state = decode_body(JobState, event.data, status=200) if event.kind in _OF_A_JOB else None
    return StreamEvent(id=event.id, kind=event.kind, job=state)
