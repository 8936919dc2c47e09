"""How long jobs wait beside the batch of another tenant.

    python -m benchmarks.service.fair_queues [--photos 100] [--jobs 1000] [--workers 2]

The model changes nothing and costs nothing. With a batch of large photos under way, ten small
photos of another tenant are submitted one by one: each must start within 2 seconds. Then one tenant
has 1000 jobs queued and another submits 10 of the same size: these must end within 3 times of what
they take alone. Exits with status 1 otherwise.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.service.stack import IDENTITY, Stack, identity_repository, running_stack
from service.keys import ALL_SCOPES, KeyStore
from service.settings import Settings

START_SECONDS, MOST_TIMES = 2.0, 3.0
_FEW, _FILES = 10, 100
_LARGE, _SMALL = (2000, 3000), (256, 256)
_SETTINGS = {
    "HIIR_AUTH": "keys",
    "HIIR_LIMITS__PREDICTED_WAIT_SECONDS": 10**6,
    "HIIR_LIMITS__QUEUE_DEPTH": 10**4,
    "HIIR_TENANTS__OPEN_BATCH_JOBS": 10**4,
}


def photo(height: int, width: int) -> bytes:
    down, right = np.mgrid[:height, :width]
    plane = (128 + 60 * np.sin(down / 97) * np.cos(right / 61)).astype(np.uint8)
    output = io.BytesIO()
    Image.fromarray(plane).convert("RGB").save(output, "JPEG", quality=85)
    return output.getvalue()


@contextlib.contextmanager
def client_of(stack: Stack, tenant: str) -> Iterator[httpx.Client]:
    """A client with a key of its own."""
    keys = KeyStore.from_settings(Settings(redis_url=stack.addresses()["redis_url"]))
    with contextlib.closing(keys):
        _, key = keys.create(tenant=tenant, scopes=ALL_SCOPES)
    url, headers = stack.client.base_url, {"X-API-Key": key}
    with httpx.Client(base_url=url, headers=headers, timeout=600, trust_env=False) as client:
        yield client


def submit_batch(client: httpx.Client, content: bytes, count: int) -> dict[str, Any]:
    answer = client.post(
        "/v1/batches", data={"task": IDENTITY.task}, files=count * [("file", ("a.jpg", content))]
    )
    answer.raise_for_status()
    return answer.json()


def read(client: httpx.Client, made: Mapping[str, Any]) -> dict[str, Any]:
    answer = client.get(made["urls"]["self"])
    answer.raise_for_status()
    return answer.json()


def cancel(client: httpx.Client, made: Mapping[str, Any]) -> None:
    client.post(made["urls"]["cancel"]).raise_for_status()


def wait_batch(client: httpx.Client, made: Mapping[str, Any]) -> float:
    """Return the seconds from the submission of a batch to the end of its last job."""
    while not (batch := read(client, made))["ended"]:
        time.sleep(0.05)
    assert batch["counts"]["succeeded"] == len(batch["items"]), batch["counts"]
    jobs = [client.get(f"/v1/jobs/{item['job_id']}").json() for item in batch["items"]]
    times = {
        name: [datetime.fromisoformat(job[name]).timestamp() for job in jobs]
        for name in ("created_at", "finished_at")
    }
    return max(times["finished_at"]) - min(times["created_at"])


def seconds_to_start(client: httpx.Client, content: bytes) -> float:
    answer = client.post("/v1/jobs", data={"task": IDENTITY.task}, files={"file": content})
    answer.raise_for_status()
    job = answer.json()
    while job["finished_at"] is None:
        job = client.get(job["urls"]["self"], params={"wait": 60}).json()
    started, created = (datetime.fromisoformat(job[name]) for name in ("started_at", "created_at"))
    return (started - created).total_seconds()


def measure_interactive(museum: httpx.Client, visitor: httpx.Client, photos: int) -> float:
    """Return the longest wait of a small photo beside a batch of large ones, in seconds."""
    batch = submit_batch(museum, photo(*_LARGE), photos)
    while not read(museum, batch)["counts"]["running"]:
        time.sleep(0.1)
    small = photo(*_SMALL)
    waits = [seconds_to_start(visitor, small) for _ in range(_FEW)]
    counts = read(museum, batch)["counts"]
    assert counts["queued"], "the batch has ended too early: use more photos"
    cancel(museum, batch)
    print(
        f"beside a batch of {photos} photos of 6 megapixels ({counts['queued']} still queued) "
        f"{_FEW} small photos start after {np.median(waits):.3f} s in the median and "
        f"{max(waits):.3f} s at most",
        flush=True,
    )
    while read(museum, batch)["counts"]["running"]:
        time.sleep(0.1)
    return max(waits)


def measure_tenants(museum: httpx.Client, visitor: httpx.Client, jobs: int) -> float:
    """Return how many times longer 10 jobs take beside the many of another tenant."""
    small = photo(*_SMALL)
    wait_batch(visitor, submit_batch(visitor, small, _FEW))  # warms every process up
    alone = wait_batch(visitor, submit_batch(visitor, small, _FEW))
    batches = [submit_batch(museum, small, _FILES) for _ in range(jobs // _FILES)]
    queued = sum(read(museum, batch)["counts"]["queued"] for batch in batches)
    beside = wait_batch(visitor, submit_batch(visitor, small, _FEW))
    left = sum(read(museum, batch)["counts"]["queued"] for batch in batches)
    assert left, "the other tenant's jobs have ended too early: use more"
    for batch in batches:
        cancel(museum, batch)
    print(
        f"{_FEW} jobs take {alone:.2f} s alone and {beside:.2f} s beside {queued} queued jobs of "
        f"another tenant ({left} of them still queued at the end): {beside / alone:.2f} times",
        flush=True,
    )
    return beside / alone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=100, help="large photos of the batch")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs of the tenant with many")
    parser.add_argument("--workers", type=int, default=2, help="slots of the worker")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository = identity_repository(folder)
        with (
            running_stack(folder, repository, workers=options.workers, settings=_SETTINGS) as stack,
            client_of(stack, "museum") as museum,
            client_of(stack, "visitor") as visitor,
        ):
            wait = measure_interactive(museum, visitor, options.photos)
            times = measure_tenants(museum, visitor, options.jobs)
    return 0 if wait <= START_SECONDS and times <= MOST_TIMES else 1


if __name__ == "__main__":
    sys.exit(main())
