"""Submit a batch with a key to an API in this process, which kills itself at a chosen step.

python -m tests.integration.service.killed_submission STEP
"""

import asyncio
import os
import signal
import sys
from typing import Any

import httpx

from service.api.app import create_app
from service.intake.idempotency import IdempotencyStore
from service.jobs.batch_store import BatchStore
from service.jobs.queue import JobQueue
from service.jobs.redis_blobs import RedisBlobStore
from service.settings import Settings
from tests.integration.service.callers import PNG

STEPS = {
    "claimed": (IdempotencyStore, "begin", 1),
    "second file stored": (RedisBlobStore, "put", 2),
    "created": (BatchStore, "create", 1),
    "turn published": (JobQueue, "publish", 1),
}
KEY = "killed"
FILES = [("file", (f"{number}.png", PNG)) for number in range(3)]
TASK = "identity"


def kill_after(owner: type, name: str, calls: int) -> None:
    """Let this process die when a method has returned for the last of so many times."""
    method, done = getattr(owner, name), 0

    def deadly(*args: Any, **named: Any) -> Any:
        nonlocal done
        answer = method(*args, **named)
        done += 1
        if done == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, deadly)


async def submit(key: str) -> None:
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        await client.post(
            "/v1/batches", data={"task": TASK}, files=FILES, headers={"idempotency-key": key}
        )


if __name__ == "__main__":
    kill_after(*STEPS[sys.argv[1]])
    asyncio.run(submit(f"{KEY} {sys.argv[1]}".replace(" ", "-")))
