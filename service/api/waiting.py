"""Long polling: waits for the end of a job."""

import time

from fastapi import Request

from service.api.services import Services
from service.jobs.events import EventKind
from service.jobs.job import Job

_DISCONNECT_SECONDS = 1.0
"""Interval at which the connection of a waiting client is checked."""


async def wait_for_end(request: Request, services: Services, job: Job, *, seconds: float) -> Job:
    """Wait up to `seconds` for the job to end, and return its current state.

    It returns early if the client disconnects or the process shuts down. A waiting client holds no
    thread, and causes no requests to Redis.

    Raises:
        StoreUnavailableError: if Redis does not answer.
    """
    deadline = time.monotonic() + seconds
    with services.feed.listen(job.id) as listener:
        while not job.status.is_terminal:
            left = deadline - time.monotonic()
            if left <= 0 or services.drain.is_stopping or await request.is_disconnected():
                break
            events = await listener.wait(seconds=min(left, _DISCONNECT_SECONDS))
            ended = any(event.kind is EventKind.COMPLETED for event in events)
            if listener.is_behind() or ended:
                found = await services.threads.for_stream(services.jobs.store.get, job.id)
                job = found or job
    return job
