"""How much a service takes before inference is the limit: thousands of tenants, long queues.

    python -m benchmarks.load [--tenants 2000] [--queued 20000] [--streams 1000] [--rate 100]

Inference is a stub that answers each tile after a set time. In one run: the commands and bytes of
Redis for a job; the latency of submissions while workers restore (at the lowest priority: in a
deployment they have machines of their own); the same with long queues, for which the workers are
stopped; and the same beside open event streams. Exits with status 1 if a job takes more than 40
commands of Redis, or the 99th percentile of submissions is 50 ms or more.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from redis import Redis

from benchmarks.load.clients import Latencies, send_at_rate, submission
from benchmarks.load.redis_use import Use, counting
from benchmarks.service.open_streams import OpenStreams, get
from benchmarks.service.small_photo import photo
from benchmarks.service.stack import (
    IDENTITY,
    Stack,
    child,
    identity_repository,
    running_stack,
)
from service.embedded.ports import choose_port
from service.jobs.store import JobStore
from service.keys import ALL_SCOPES, KeyStore
from service.settings import Settings

MOST_COMMANDS, P99_MS = 40, 50
_SIDE = 128
_COUNTED_JOBS = 50
_IDLE_SECONDS = 5.0
_SETTINGS = {
    "HIIR_AUTH": "keys",
    "HIIR_LIMITS__PREDICTED_WAIT_SECONDS": 10**6,
    "HIIR_LIMITS__QUEUE_DEPTH": 10**6,
}


@dataclass(frozen=True, kw_only=True)
class Load:
    """A service, and the tenants that use it."""

    stack: Stack
    redis: "Redis[str]"
    redis_url: str
    keys: Sequence[str]
    """An API key of each tenant."""
    image: bytes

    @property
    def url(self) -> str:
        return str(self.stack.client.base_url).rstrip("/")

    def submissions(self) -> list[bytes]:
        """One of each tenant."""
        return [submission(self.url, key, self.image, task=IDENTITY.task) for key in self.keys]

    def submit(self, *, rate: float, seconds: float) -> Latencies:
        return send_at_rate(
            self.url, self.submissions(), per_second=rate, seconds=seconds, expected=202
        )

    def queued(self) -> int:
        return int(self.redis.zcard("hiir:turns:interactive"))

    def wait_idle(self) -> None:
        while self.queued() or self.redis.zcard("hiir:leases"):
            time.sleep(0.2)


def make_keys(redis_url: str, tenants: int) -> list[str]:
    with contextlib.closing(KeyStore.from_settings(Settings(redis_url=redis_url))) as keys:
        return [
            keys.create(tenant=f"tenant-{number}", scopes=ALL_SCOPES)[1]
            for number in range(tenants)
        ]


def count_commands(load: Load) -> float:
    """Print what a job asks of Redis, from its submission to its end; returns the commands sent."""
    with counting(load.redis_url) as idle:
        time.sleep(_IDLE_SECONDS)
    began = time.perf_counter()
    with counting(load.redis_url) as busy:
        load.submit(rate=5, seconds=_COUNTED_JOBS / 5)
        load.wait_idle()
        seconds = time.perf_counter() - began
    before = Use.read(load.redis)
    load.submit(rate=5, seconds=_COUNTED_JOBS / 5)  # again, as MONITOR's own bytes would count
    load.wait_idle()
    after = Use.read(load.redis)
    share = seconds / _IDLE_SECONDS  # heartbeats and the like are not the jobs'
    sent = (busy.sent.total() - share * idle.sent.total()) / _COUNTED_JOBS
    inside = (busy.inside.total() - share * idle.inside.total()) / _COUNTED_JOBS
    print(f"Redis, commands a job: {sent:.1f} sent, {inside:.1f} more inside scripts")
    for name, count in busy.sent.most_common():
        each = (count - share * idle.sent[name]) / _COUNTED_JOBS
        if each >= 0.1:
            print(f"    {name.lower():12s} {each:5.1f}")
    received = (after.bytes_in - before.bytes_in) / _COUNTED_JOBS
    given = (after.bytes_out - before.bytes_out) / _COUNTED_JOBS
    print(f"Redis, bytes a job: {received:.0f} in, {given:.0f} out (photo: {len(load.image)})")
    for name, pattern in (("record", "hiir:job:*"), ("events", "hiir:events:*")):
        keys = list(load.redis.scan_iter(pattern))
        size = sum(load.redis.memory_usage(key) or 0 for key in keys) / max(len(keys), 1)
        print(f"Redis, memory of the {name} of an ended job: {size:.0f} bytes")
    print(f"Redis, idle: {idle.sent.total() / _IDLE_SECONDS:.1f} commands a second", flush=True)
    return sent


def processor_seconds(stack: Stack) -> dict[tuple[str, int], float]:
    """Processor time of each process until now, by server and process id."""
    found = {}
    for name, processes in stack.processes().items():
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                found[name, process.pid] = times.user + times.system
    return found


def spent_by_server(
    before: Mapping[tuple[str, int], float], after: Mapping[tuple[str, int], float]
) -> dict[str, float]:
    """Processor time between two readings; a process that has ended meanwhile does not count."""
    used: dict[str, float] = {}
    for (name, pid), seconds in after.items():
        used[name] = used.get(name, 0.0) + seconds - before.get((name, pid), 0.0)
    return used


def submit_and_print(load: Load, title: str, *, rate: float, seconds: float) -> Latencies:
    """Submit, and print latencies, processor time of each server, and the time of scripts."""
    before, use = processor_seconds(load.stack), Use.read(load.redis)
    own, began = time.process_time(), time.perf_counter()
    found = load.submit(rate=rate, seconds=seconds)
    took = time.perf_counter() - began
    after, now = processor_seconds(load.stack), Use.read(load.redis)
    used = spent_by_server(before, after)
    used["client"] = time.process_time() - own
    shares = ", ".join(f"{name} {100 * spent / took:.0f} %" for name, spent in used.items())
    print(f"{title}: submissions {found}")
    print(f"    processors: {shares}; a script {now.script_microseconds(use):.0f} us", flush=True)
    return found


@contextlib.contextmanager
def stopped_workers(stack: Stack) -> Iterator[None]:
    """Stop the workers around the block, as if all slots had long jobs."""
    processes = stack.processes()["worker"]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def fill_queue(load: Load, store: JobStore, count: int) -> None:
    """Queue jobs until there are `count`, of all tenants in turn; they share one upload."""
    # The latest one, which is still queued: the workers are stopped.
    (record,) = load.redis.zrange("hiir:queue:interactive:tenant-0", -1, -1)
    template = store.get(record)
    if template is None:
        raise SystemExit("the job that is copied has expired")
    for number in range(load.queued(), count):
        store.create(
            replace(
                template,
                id=uuid.uuid4().hex,
                tenant=f"tenant-{number % len(load.keys)}",
                created_at=template.created_at + number / 1e4,
            )
        )


def read_and_print(load: Load, *, rate: float) -> None:
    """Print how long reading takes: a job, a list of jobs, and the metrics."""
    key = load.keys[0]
    (job_id,) = load.redis.zrange("hiir:queue:interactive:tenant-0", -1, -1)
    for name, path in (("a job", f"/v1/jobs/{job_id}"), ("a list", "/v1/jobs?limit=20")):
        found = send_at_rate(
            load.url, [get(load.url, path, key=key)], per_second=rate, seconds=3, expected=200
        )
        print(f"    GET of {name}: {found}", flush=True)


@contextlib.contextmanager
def open_streams(load: Load, count: int) -> Iterator[OpenStreams]:
    """Open streams of all jobs of as many tenants."""
    requests = [get(load.url, "/v1/events", key=key) for key in load.keys[:count]]
    with OpenStreams(url=load.url, requests=requests) as streams:
        deadline = time.monotonic() + 60
        while streams.open < len(requests) and time.monotonic() < deadline:
            time.sleep(0.1)
        yield streams


def run(load: Load, options: argparse.Namespace) -> bool:
    """Run all parts; returns whether the limits were kept."""
    rate, seconds = options.rate, options.seconds
    load.submit(rate=5, seconds=4)  # every process has done everything once
    load.wait_idle()
    commands = count_commands(load)
    for process in load.stack.processes()["worker"]:
        os.setpriority(os.PRIO_PROCESS, process.pid, 19)
    ended = int(load.redis.zcard("hiir:turns:interactive"))
    under_load = submit_and_print(load, "workers on", rate=rate, seconds=seconds)
    behind = load.queued() - ended
    done = len(under_load.milliseconds) - behind
    print(f"    jobs that ended meanwhile: {done / seconds:.0f} a second", flush=True)
    settings = Settings(redis_url=load.redis_url)
    settings = settings.model_copy(
        update={"tenants": settings.tenants.model_copy(update={"open_jobs": 10**6})}
    )
    with (
        stopped_workers(load.stack),
        contextlib.closing(JobStore.from_settings(settings)) as store,
    ):
        load.submit(rate=rate, seconds=max(len(load.keys) / rate, 1))  # one of each tenant
        for count in (0, options.queued // 10, options.queued):
            memory, size = Use.read(load.redis).memory, load.queued()
            fill_queue(load, store, count)
            memory, size = Use.read(load.redis).memory - memory, load.queued() - size
            title = f"{load.queued()} queued of {len(load.keys)} tenants"
            submit_and_print(load, title, rate=rate, seconds=seconds)
            read_and_print(load, rate=rate / 2)
        each = memory / max(size, 1)
        print(f"Redis, memory of a queued job without its photo: {each:.0f} bytes")
        with open_streams(load, options.streams) as streams:
            title = f"beside {streams.open} event streams"
            submit_and_print(load, title, rate=rate, seconds=seconds)
            print(f"    {streams.events} events came")
        highest = rate
        while True:
            found = submit_and_print(load, "more", rate=highest, seconds=seconds / 2)
            if found.percentile(99) > 1000 or found.others:
                break
            highest = 1.5 * highest
    print(f"first wall: submissions at {highest:.0f} a second")
    return commands <= MOST_COMMANDS and under_load.percentile(99) < P99_MS


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tenants", type=int, default=2000)
    parser.add_argument("--queued", type=int, default=20_000)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=100, help="submissions a second")
    parser.add_argument("--seconds", type=float, default=20, help="of each part")
    parser.add_argument("--workers", type=int, default=2, help="slots")
    parser.add_argument("--tile-ms", type=float, default=50)
    options = parser.parse_args(arguments)
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        repository = identity_repository(folder)
        port = choose_port(38_001, taken=set())
        command = [sys.executable, "-m", "benchmarks.load.stub_triton", "--port", str(port)]
        command += ["--model-repository", str(repository), "--tile-ms", str(options.tile_ms)]
        settings = {**_SETTINGS, "HIIR_TRITON_URL": f"127.0.0.1:{port}"}
        with (
            child(command, folder / "triton.log"),
            running_stack(folder, repository, workers=options.workers, settings=settings) as stack,
        ):
            redis_url = stack.addresses()["redis_url"]
            with Redis.from_url(f"{redis_url}/1", decode_responses=True) as redis:
                load = Load(
                    stack=stack,
                    redis=redis,
                    redis_url=redis_url,
                    keys=make_keys(redis_url, options.tenants),
                    image=photo(_SIDE),
                )
                kept = run(load, options)
    if not kept:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
