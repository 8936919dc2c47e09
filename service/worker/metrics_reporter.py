"""Sends metrics of jobs from the child processes to the worker's parent, which Prometheus scrapes.

Each outcome is one datagram over a socket pair that children inherit. A killed process leaves
neither a lock nor a file behind. The counters of one parent also cover the hundreds of processes
that are replaced each day; prometheus-client's multiprocess mode would keep files for each of them.
"""

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

from service.jobs.job import JobStatus
from service.jobs.priority import Priority
from service.observability.metrics import WorkMetrics

logger = logging.getLogger(__name__)

QUEUE_STAGE = "queue"
"""Name of the stage before a job runs."""

_SEND_SECONDS = 1.0
_LARGEST_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """Metrics of one job that has ended."""

    task: str
    state: JobStatus
    priority: Priority
    code: str = ""
    """Problem code of the failure; empty for a job that did not fail."""
    stages: Mapping[str, float]
    """Seconds spent in each stage."""
    pixels: int = 0
    """Pixels of the restored image; 0 if the job has no result."""


ReportOutcome = Callable[[JobOutcome], None]


class MetricsReporter:
    """Both ends of the socket pair; create it before children are forked."""

    def __init__(self, metrics: WorkMetrics) -> None:
        self._metrics = metrics
        self._here, self._there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._there.settimeout(_SEND_SECONDS)
        self._thread = threading.Thread(target=self._listen, name="metrics-reporter", daemon=True)

    def report(self, outcome: JobOutcome) -> None:
        """Report an outcome from any process; a report that cannot be sent is dropped."""
        with suppress(OSError):
            self._there.send(json.dumps(asdict(outcome)).encode())

    def start(self) -> None:
        """Start counting, in the parent."""
        self._thread.start()

    def close(self) -> None:
        """Count the outcomes that were already sent, then stop."""
        if self._thread.ident is not None:
            self._there.send(b"")
            self._thread.join()
        self._here.close()
        self._there.close()

    def _listen(self) -> None:
        while message := self._here.recv(_LARGEST_BYTES):
            fields = json.loads(message)
            known = {"state": JobStatus(fields["state"]), "priority": Priority(fields["priority"])}
            self._count(JobOutcome(**{**fields, **known}))

    def _count(self, outcome: JobOutcome) -> None:
        self._metrics.jobs.count(outcome.task, outcome.state, outcome.code)
        for stage, seconds in outcome.stages.items():
            self._metrics.observe_stage(stage, seconds)
        if QUEUE_STAGE in outcome.stages:
            self._metrics.observe_queue(outcome.priority, outcome.stages[QUEUE_STAGE])
        if outcome.pixels:
            self._metrics.count_pixels(outcome.pixels)
