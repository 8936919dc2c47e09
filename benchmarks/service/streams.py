"""A thousand event streams: how long other requests take beside them.

    python -m benchmarks.service.streams [--streams 1000] [--seconds 30]

Streams are open on jobs that wait and run, so that events flow; a stream ends with its job. Beside
them one client asks for a job, and another submits small photos. Worker and Triton get the lowest
priority: in a deployment they have machines of their own, and what is measured is the API, Redis,
and this client, which share the processors here. Exits with status 1 unless GET stays under 50 ms
in the median and 300 ms in the 99th percentile, and submissions under 200 ms in the 99th.
"""

import argparse
import io
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.service.open_streams import OpenStreams, get
from benchmarks.service.stack import Stack, identity_repository, running_stack

GET_P50_MS, GET_P99_MS, SUBMIT_P99_MS = 50, 300, 200
_LONG_JOBS, _LONG_SIDE, _SHORT_SIDE = 40, 2500, 64
_GETS_PER_SECOND, _SUBMITS_PER_SECOND = 20, 2


def photo(side: int, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, "PNG", compress_level=1)
    return output.getvalue()


def lower_priority(stack: Stack) -> None:
    for name, processes in stack.processes().items():
        if name in {"worker", "triton"}:
            for process in processes:
                os.setpriority(os.PRIO_PROCESS, process.pid, 19)


def measure(
    call: Callable[[], httpx.Response], *, per_second: float, seconds: float
) -> list[float]:
    """Milliseconds of each call; they start at fixed times, as those of many clients do."""
    found = []
    begin = time.perf_counter()
    for number in range(int(per_second * seconds)):
        due = begin + number / per_second
        time.sleep(max(due - time.perf_counter(), 0))
        started = time.perf_counter()
        call().raise_for_status()
        found.append(1000 * (time.perf_counter() - started))
    return found


def report(name: str, found: Sequence[float]) -> tuple[float, float]:
    p50, p99 = (float(np.percentile(found, part)) for part in (50, 99))
    print(f"{name:28s} p50 {p50:6.1f} ms, p99 {p99:7.1f} ms, most {max(found):7.1f} ms", flush=True)
    return p50, p99


def beside(stack: Stack, path: str, seconds: float) -> tuple[list[float], list[float]]:
    """Latencies of GET and of submissions."""
    small, submits = photo(_SHORT_SIDE), []
    url = str(stack.client.base_url)

    def submit() -> None:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            submits.extend(
                measure(
                    lambda: client.post(
                        "/v1/jobs", data={"task": "identity"}, files={"file": small}
                    ),
                    per_second=_SUBMITS_PER_SECOND,
                    seconds=seconds,
                )
            )

    submitting = threading.Thread(target=submit)
    submitting.start()
    gets = measure(lambda: stack.client.get(path), per_second=_GETS_PER_SECOND, seconds=seconds)
    submitting.join()
    return gets, submits


def is_open(stack: Stack, job: dict[str, Any]) -> bool:
    return stack.client.get(job["urls"]["self"]).json()["finished_at"] is None


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        settings = {"HIIR_LIMITS__PREDICTED_WAIT_SECONDS": 10**6}
        repository = identity_repository(folder)
        with running_stack(folder, repository, workers=1, settings=settings) as stack:
            stack.wait(stack.submit(photo(_SHORT_SIDE)).raise_for_status().json())
            lower_priority(stack)
            content = photo(_LONG_SIDE)
            jobs = [stack.submit(content).raise_for_status().json() for _ in range(_LONG_JOBS)]
            job = jobs[-1]["urls"]["self"]
            gets, submits = beside(stack, job, options.seconds / 2)
            report("GET, no streams", gets)
            report("submit, no streams", submits)
            urls = [job["urls"]["events"] for job in jobs if is_open(stack, job)]
            url = str(stack.client.base_url)
            requests = [get(url, urls[number % len(urls)]) for number in range(options.streams)]
            with OpenStreams(url=url, requests=requests) as streams:
                deadline = time.monotonic() + 60
                while streams.events < options.streams:  # each has its first event
                    if time.monotonic() > deadline:
                        raise SystemExit(f"only {streams.events} events came within a minute")
                    time.sleep(0.1)
                heard = streams.events
                gets, submits = beside(stack, job, options.seconds)
                print(f"{streams.open} streams are open, {streams.events - heard} events came")
            p50, p99 = report(f"GET, {options.streams} streams", gets)
            _, submit_p99 = report(f"submit, {options.streams} streams", submits)
    if p50 >= GET_P50_MS or p99 >= GET_P99_MS or submit_p99 >= SUBMIT_P99_MS:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
