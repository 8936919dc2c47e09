"""All Prometheus metrics, their labels, and the server that exposes them.

Label values never come from a client: routes, tasks, stages and codes are few and fixed. Counters
that alerts use start at 0 for every label value, because Prometheus computes no rate from the first
value of a series: a series that started with its first failure would not count it.
"""

import logging
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal, TypeAlias, get_args
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.errors import error_types, job_error_types
from service.jobs.job import JobStatus
from service.jobs.priority import Priority

CacheOutcome: TypeAlias = Literal["hit", "miss", "bypass"]

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_STAGE_BUCKETS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


class JobMetrics:
    """Jobs by state; the process that changes a job's state counts it."""

    def __init__(self, registry: CollectorRegistry, *, tasks: Iterable[str]) -> None:
        self._jobs = Counter(
            "hiir_jobs_total",
            "Jobs by state: queued when accepted, then succeeded, failed or canceled.",
            ("task", "state", "code"),
            registry=registry,
        )
        states = (JobStatus.QUEUED, JobStatus.SUCCEEDED, JobStatus.CANCELED)
        for task in tasks:
            for state in states:
                self._jobs.labels(task=task, state=state.value, code="")
            for error in job_error_types():
                self._jobs.labels(task=task, state=JobStatus.FAILED.value, code=error.code)

    def count(self, task: str, state: JobStatus, code: str = "") -> None:
        """Count one job; `code` is the code of its failure."""
        self._jobs.labels(task=task, state=state.value, code=code).inc()


class CacheMetrics:
    """Submissions by outcome of the result cache."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._results = Counter(
            "hiir_result_cache_total",
            "Images submitted, by outcome: hit, miss, or bypass on request.",
            ("outcome",),
            registry=registry,
        )
        for outcome in get_args(CacheOutcome):
            self._results.labels(outcome=outcome)

    def count(self, outcome: CacheOutcome) -> None:
        """Count one image."""
        self._results.labels(outcome=outcome).inc()


class HttpMetrics:
    """HTTP requests and responses."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "hiir_http_requests_total",
            "Responses by route template and status code.",
            ("route", "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "hiir_http_request_seconds",
            "Seconds from the headers to the end of the response, long polls and streams included.",
            ("route",),
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "hiir_http_inflight",
            "Requests in progress.",
            multiprocess_mode="livesum",
            registry=registry,
        )

    def expect(self, routes: Iterable[str]) -> None:
        """Start the counters of server errors at 0, for each route template."""
        codes = {error.status for error in error_types() if error.status >= 500}
        for route in routes:
            for code in codes:
                self._requests.labels(route=route, code=str(code))

    def count(self, route: str, code: int | None, *, seconds: float) -> None:
        """Count one request; `code` is None if the client disconnected before the response."""
        self._requests.labels(route=route, code="none" if code is None else str(code)).inc()
        self._seconds.labels(route=route).observe(seconds)


class WorkMetrics:
    """Jobs of one worker."""

    def __init__(self, registry: CollectorRegistry, *, tasks: Iterable[str]) -> None:
        self.jobs = JobMetrics(registry, tasks=tasks)
        self._stages = Histogram(
            "hiir_stage_seconds",
            "Seconds of a job in each stage: queue, decode, tile, infer, blend, encode, store.",
            ("stage",),
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self._queue = Histogram(
            "hiir_queue_seconds",
            "Seconds from the submission of a job to its first start.",
            ("priority",),
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        for priority in Priority:  # a series that starts with its first job has no rate for it
            self._queue.labels(priority=priority.value)
        self._megapixels = Counter(
            "hiir_megapixels_total",
            "Megapixels of restored images.",
            registry=registry,
        )
        self.in_flight = Gauge("hiir_inflight", "Jobs in progress.", registry=registry)
        self.slots = Gauge(
            "hiir_worker_slots", "Jobs that the worker can run at once.", registry=registry
        )

    def observe_stage(self, stage: str, seconds: float) -> None:
        """Record the time that a job spent in a stage."""
        self._stages.labels(stage=stage).observe(seconds)

    def observe_queue(self, priority: Priority, seconds: float) -> None:
        """Record the time that a job waited for its first start."""
        self._queue.labels(priority=priority.value).observe(seconds)

    def count_pixels(self, pixels: int) -> None:
        """Count a restored image."""
        self._megapixels.inc(pixels / 1e6)


class MetricsServer:
    """Serves `/metrics` on a separate port, outside of authentication and rate limits.

    If the port is in use, binding is retried. With several API processes (`uvicorn --workers`) the
    first one gets the port; it reports for all of them if they share a `PROMETHEUS_MULTIPROC_DIR`.
    """

    def __init__(
        self, *, host: str, port: int, registry: CollectorRegistry, common: Collector | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._registry = _served(registry, common)
        self._closed = threading.Event()
        self._server: WSGIServer | None = None
        self._thread = threading.Thread(target=self._open, name="metrics", daemon=True)

    def start(self) -> None:
        """Start serving, unless the port is 0."""
        if self._port:
            self._thread.start()

    def close(self) -> None:
        """Stop serving and release the port."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _open(self) -> None:
        warned = False
        while not self._closed.is_set():
            try:
                self._server, _ = start_http_server(self._port, self._host, self._registry)
            except OSError as error:
                if not warned:
                    logger.warning(
                        "cannot serve metrics on %s:%d, retrying: %s", self._host, self._port, error
                    )
                warned = True
                self._closed.wait(_RETRY_SECONDS)
            else:
                logger.info("metrics on http://%s:%d/metrics", self._host, self._port)
                return


def _served(own: CollectorRegistry, common: Collector | None) -> CollectorRegistry:
    registry = own
    with suppress(ValueError):  # PROMETHEUS_MULTIPROC_DIR is not set
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        registry = shared
    if common is not None:
        registry.register(common)
    return registry
