"""Long polling: wait for the end of a job."""

import asyncio
import time

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from service.api.services import Services
from service.jobs.job import Job

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 0.2


async def wait_for_end(request: Request, services: Services, job: Job, *, seconds: float) -> Job:
    """Wait up to `seconds` for the job to end, and return its current state.

    Returns early if the client disconnects or the process shuts down. It polls with growing pauses,
    so that a waiting client holds no thread and no connection. Raises `StoreUnavailableError`.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    while not job.status.is_terminal:
        left = deadline - time.monotonic()
        if left <= 0 or services.drain.is_stopping or await request.is_disconnected():
            break
        await asyncio.sleep(min(pause, left))
        pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)
        found = await run_in_threadpool(services.jobs.store.get, job.id)
        job = found or job
    return job
