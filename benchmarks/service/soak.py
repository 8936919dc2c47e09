"""Thousands of small jobs: no server's memory grows with them, and Redis forgets them all.

    python -m benchmarks.service.soak [--jobs 2000] [--clients 4]

Photos of 64 x 64 pixels go through the whole service, with a model that costs nothing. After every
50 jobs the resident memory of each server's processes is noted. The slope is that of Theil and Sen,
the median over all pairs of notes, which a process that is replaced now and then (a worker's after
1,000 jobs) does not bend as it would a least-squares line; the first quarter, in which caches and
pools fill, is left out. Results and records expire after seconds here; the same keys must be left
then as at the start.

Time limits are short, too: Celery keeps the two timers of a job's limits, about half a kilobyte,
until they would have rung, though the job has long ended. With limits of half an hour a worker's
memory grows for half an hour, and no longer.
"""

import argparse
import io
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from redis import Redis

from benchmarks.service.stack import Stack, identity_repository, running_stack
from service.settings import RedisDatabase

SLOPE_MIB = 1.0
EVERY = 50
LIFE_SECONDS = 15
SETTINGS = {
    "HIIR_JOBS__RESULT_SECONDS": LIFE_SECONDS,
    "HIIR_JOBS__RECORD_SECONDS": LIFE_SECONDS,
    "HIIR_JOBS__IDEMPOTENCY_SECONDS": LIFE_SECONDS,
    "HIIR_JOBS__INPUT_SECONDS": 600,
    "HIIR_JOBS__SOFT_TIME_LIMIT": 30,
    "HIIR_JOBS__HARD_TIME_LIMIT": 35,
}


def photo(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, "PNG")
    return output.getvalue()


def restore(stack: Stack, number: int) -> None:
    """One job, every tenth with an idempotency key, to the last byte of its result."""
    key = {"Idempotency-Key": f"soak-{number}"} if number % 10 == 0 else None
    answer = stack.submit(photo(number), key)
    if answer.status_code != 202:
        sys.exit(f"job {number} was refused: {answer.text}")
    job = stack.wait(answer.json())
    if job["status"] != "succeeded":
        sys.exit(f"job {number} ended {job['status']}: {job['error']}")
    stack.client.get(job["urls"]["result"]).raise_for_status()


def keys(url: str) -> dict[str, set[str]]:
    found = {}
    for database in RedisDatabase:
        with Redis.from_url(f"{url}/{database}", decode_responses=True) as redis:
            found[database.name] = set(redis.scan_iter(count=1000))
    return found


def slope(notes: Sequence[tuple[int, float]]) -> float:
    """MiB in 1,000 jobs."""
    pairs = itertools.combinations(notes, 2)
    return 1000 * statistics.median((late - early) / (n - m) for (m, early), (n, late) in pairs)


def left_over(url: str, before: dict[str, set[str]]) -> dict[str, set[str]]:
    """Keys that were not there, once all that expires has had its time."""
    deadline = time.monotonic() + 4 * LIFE_SECONDS
    while True:
        left = {name: found - before[name] for name, found in keys(url).items()}
        if not any(left.values()) or time.monotonic() > deadline:
            return left
        time.sleep(1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--notes", type=Path, help="file for what was noted, in lines of JSON")
    options = parser.parse_args(arguments)
    notes: dict[str, list[tuple[int, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.clients) as pool:
        folder = Path(scratch)
        with running_stack(folder, identity_repository(folder), settings=SETTINGS) as stack:
            url = stack.addresses()["redis_url"]
            restore(stack, 0)  # what is made once is there from now on
            time.sleep(2 * LIFE_SECONDS)
            before = keys(url)
            for done in range(0, options.jobs, EVERY):
                jobs = range(done + 1, done + 1 + EVERY)
                list(pool.map(lambda number: restore(stack, number), jobs))
                resident = stack.resident_mib()
                for name, found in resident.items():
                    notes.setdefault(name, []).append((done + EVERY, sum(found.values())))
                if options.notes:
                    with options.notes.open("a") as file:
                        file.write(json.dumps({"jobs": done + EVERY, **resident}) + "\n")
            left = left_over(url, before)
    good = not any(left.values())
    for name, noted in notes.items():
        found = slope([note for note in noted if note[0] > options.jobs / 4])
        holds = found < SLOPE_MIB
        good = good and holds
        print(
            f"{name:9s} {noted[0][1]:7.1f} MiB at first, {noted[-1][1]:7.1f} at last, "
            f"{found:+.2f} MiB in 1,000 jobs: {'holds' if holds else 'DOES NOT HOLD'}"
        )
    for name, names in left.items():
        print(f"{name:9s} {len(before[name])} keys, {len(names)} left over {sorted(names)[:9]}")
    if not good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
