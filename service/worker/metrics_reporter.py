"""From the processes that do the jobs to the one that Prometheus asks: the worker's parent.

Each attempt's end is one datagram through a pair of sockets that the children inherit. A process
that is killed leaves neither a lock held nor a file behind, and its replacements, hundreds a day,
add up in one place; the files of prometheus-client's own mode would stay for each of them.
"""

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

from service.jobs.job import JobStatus
from service.observability.metrics import WorkMetrics

logger = logging.getLogger(__name__)

_SEND_SECONDS = 1.0
_LARGEST_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """What is to be counted of a job that has ended."""

    task: str
    state: JobStatus
    code: str = ""
    """Of the failure."""
    stages: Mapping[str, float]
    """Seconds in each."""
    pixels: int = 0
    """Of an image that was restored."""


ReportOutcome = Callable[[JobOutcome], None]


class MetricsReporter:
    """Both ends of the way; must be made before the children are forked."""

    def __init__(self, metrics: WorkMetrics) -> None:
        self._metrics = metrics
        self._here, self._there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._there.settimeout(_SEND_SECONDS)
        self._thread = threading.Thread(target=self._listen, name="metrics-reporter", daemon=True)

    def report(self, outcome: JobOutcome) -> None:
        """Say that a job has ended, from any process; a figure that cannot be told is lost."""
        with suppress(OSError):
            self._there.send(json.dumps(asdict(outcome)).encode())

    def start(self) -> None:
        """Begin to count, in the parent."""
        self._thread.start()

    def close(self) -> None:
        """Count what has been told, and then no more."""
        if self._thread.ident is not None:
            self._there.send(b"")
            self._thread.join()
        self._here.close()
        self._there.close()

    def _listen(self) -> None:
        while message := self._here.recv(_LARGEST_BYTES):
            fields = json.loads(message)
            self._count(JobOutcome(**{**fields, "state": JobStatus(fields["state"])}))

    def _count(self, outcome: JobOutcome) -> None:
        self._metrics.jobs.count(outcome.task, outcome.state, outcome.code)
        for stage, seconds in outcome.stages.items():
            self._metrics.observe_stage(stage, seconds)
        if outcome.pixels:
            self._metrics.count_pixels(outcome.pixels)
