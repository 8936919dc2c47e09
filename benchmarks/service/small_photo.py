"""Where the milliseconds of one small photo go, from the request to the result.

    python -m benchmarks.service.small_photo [--jobs 100] [--task denoise-color]

Photos of 128 x 128 pixels are restored one after another. Printed are the steps of a job on the
clock, what Triton counts for its tile, the processor time of each process, and the commands that
Redis runs. Unless a task is given, the model changes nothing and costs nothing: then what is
measured is the service's own, and the seconds of the processor compare between two versions.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from redis import Redis
from tritonclient.grpc import InferenceServerClient

from benchmarks.service.stack import IDENTITY, Stack, identity_repository, running_stack

SIDE = 128
_WARM_UP = 10
_IDLE_SECONDS = 5.0
_STAGES = {
    "decode": "check of the model, upload from Redis, codec process",
    "tile": "cutting the tile",
    "infer": "inference: gRPC, Triton, backend",
    "blend": "blending",
    "encode": "codec process, preview",
    "store": "result to Redis, end of the job",
}
_TRITON = {
    "queue": "waiting for a batch",
    "compute_input": "input to the backend",
    "compute_infer": "backend",
    "compute_output": "output of the backend",
}


@dataclass(frozen=True, kw_only=True)
class Counters:
    """What the processes of a stack have used until now; differences are those of a time span."""

    processors: Mapping[str, float]
    """Seconds of the processor, by server and process."""
    commands: Mapping[str, tuple[int, float]]
    """Calls and milliseconds of Redis, by command."""
    triton: Mapping[str, float]
    """Milliseconds of all tiles, by part."""

    @classmethod
    def read(cls, stack: Stack, model: str) -> "Counters":
        addresses = stack.addresses()
        with Redis.from_url(addresses["redis_url"], decode_responses=True) as redis:
            statistics_of = redis.info("commandstats")
        with InferenceServerClient(addresses["triton_url"]) as client:
            (model_statistics,) = client.get_inference_statistics(model).model_stats
        parts = model_statistics.inference_stats
        return cls(
            processors=_processor_seconds(stack),
            commands={
                name.removeprefix("cmdstat_"): (entry["calls"], entry["usec"] / 1e3)
                for name, entry in statistics_of.items()
            },
            triton={name: getattr(parts, name).ns / 1e6 for name in ("success", *_TRITON)},
        )


def _processor_seconds(stack: Stack) -> dict[str, float]:
    """Seconds of each server's processes; those that have ended count where they were awaited."""
    found: dict[str, float] = defaultdict(float)
    for name, processes in stack.processes().items():
        first = processes[0]
        for process in processes:
            own = _depth_label(name, 0 if process is first else 1 + (process.ppid() != first.pid))
            below = _depth_label(name, 1 + (process is not first))
            times = process.cpu_times()
            found[own] += times.user + times.system
            found[below] += times.children_user + times.children_system
    return dict(found)


def _depth_label(server: str, depth: int) -> str:
    """A worker's slots and their codec processes have labels of their own."""
    below = {"worker": ("worker, slots", "worker, codec"), "api": ("api, codec",) * 2}
    return server if depth == 0 else below.get(server, (server,) * 2)[depth - 1]


def photo(side: int) -> bytes:
    """A PNG of noise, which no codec can make much smaller."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, "PNG")
    return output.getvalue()


def restore(client: httpx.Client, task: str, content: bytes) -> dict[str, float]:
    """Restore one photo; returns the milliseconds of its steps."""
    began = time.perf_counter()
    answer = client.post(
        "/v1/jobs",
        data={"task": task},
        files={"file": content},
        headers={"Cache-Control": "no-store"},  # the same photo again
    )
    submitted = time.perf_counter()
    job = answer.raise_for_status().json()
    while job["status"] in {"queued", "running"}:
        job = client.get(job["urls"]["self"], params={"wait": 60}).json()
    ended, waited = time.time(), time.perf_counter()
    if job["status"] != "succeeded":
        raise SystemExit(f"the job ended {job['status']}: {job['error']}")
    client.get(job["urls"]["result"]).raise_for_status()
    fetched = time.perf_counter()
    created, started, finished = (
        datetime.fromisoformat(job[f"{name}_at"]).timestamp()
        for name in ("created", "started", "finished")
    )
    timings = job["timings"]
    stages = sum(timings[stage] for stage in ("decode", "restore", "encode", "store"))
    seconds = {
        "submission, with the check by a codec process": submitted - began,
        "queue, until a worker holds the lease": started - created,
        **{f"{stage}: {text}": timings[stage] for stage, text in _STAGES.items()},
        "lease, before and after the stages": finished - started - stages,
        "notice of the end": ended - finished,
        "download": fetched - waited,
        "in all": fetched - began,
    }
    return {name: 1e3 * value for name, value in seconds.items()}


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Differences of two readings; a process that is new began at 0."""
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


def profile(stack: Stack, task: str, jobs: int) -> None:
    """Print the profile of `jobs` small photos, one after another."""
    content = photo(SIDE)
    for _ in range(_WARM_UP):
        restore(stack.client, task, content)
    idle = Counters.read(stack, task)
    time.sleep(_IDLE_SECONDS)
    before, began = Counters.read(stack, task), time.perf_counter()
    steps = [restore(stack.client, task, content) for _ in range(jobs)]
    after, seconds = Counters.read(stack, task), time.perf_counter() - began
    # What the servers do without jobs, such as heartbeats, is not the photo's.
    share = seconds / _IDLE_SECONDS
    resting = spent(idle.processors, before.processors)
    working = spent(before.processors, after.processors)
    _print_table(
        f"a photo of {SIDE} x {SIDE} pixels, {jobs} in a row",
        "median ms on the clock",
        {name: statistics.median(step[name] for step in steps) for name in steps[0]},
    )
    tile = {name: ms / jobs for name, ms in spent(before.triton, after.triton).items()}
    _print_table(
        "its tile in Triton (the rest of `infer` is gRPC)",
        "mean ms on the clock",
        {text: tile[name] for name, text in _TRITON.items()},
    )
    used = {
        name: 1e3 * (value - share * resting.get(name, 0.0)) / jobs
        for name, value in working.items()
    }
    _print_table(
        "process",
        "mean ms of the processor",
        {**used, "in all, without Triton": sum(used.values()) - used["triton"]},
    )
    calls, milliseconds = _commands(before.commands, after.commands)
    print("| command of Redis | calls | ms |")
    print("|---|---|---|")
    for name, count in calls.most_common():
        print(f"| {name} | {count / jobs:.1f} | {milliseconds[name] / jobs:.3f} |")


def _commands(
    before: Mapping[str, tuple[int, float]], after: Mapping[str, tuple[int, float]]
) -> tuple[Counter[str], dict[str, float]]:
    calls: Counter[str] = Counter()
    milliseconds: dict[str, float] = {}
    for name, (count, spent_ms) in after.items():
        earlier, earlier_ms = before.get(name, (0, 0.0))
        if count > earlier:
            calls[name], milliseconds[name] = count - earlier, spent_ms - earlier_ms
    return calls, milliseconds


def _print_table(title: str, unit: str, rows: Mapping[str, float]) -> None:
    print(f"| {title} | {unit} |")
    print("|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value:.2f} |")
    print(flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--task", help="name of a model; one that changes nothing by default")
    parser.add_argument("--model-repository", type=Path, default=Path("model_repository"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        repository: Any = options.model_repository
        if options.task is None:
            repository = identity_repository(folder)
        with running_stack(folder, repository, workers=1) as stack:
            profile(stack, options.task or IDENTITY.task, options.jobs)


if __name__ == "__main__":
    main()
