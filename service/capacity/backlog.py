"""The work that is queued or running, and how long it will take.

It is read before each submission and at each scrape of the metrics, and cached for one second.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.capacity.load import Load, LoadStore
from service.capacity.throughput import ThroughputStore
from service.jobs.priority import Priority

_FRESH_SECONDS = 1.0
_UNKNOWN_PAUSE_SECONDS = 30
_LONGEST_PAUSE_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The queued and running work of the service at one time."""

    load: Load
    seconds_per_megapixel: Mapping[str, float]
    """Measured seconds per megapixel, by the SHA-256 of the weights."""
    interactive_slots: int
    """Slots that batch jobs must leave free."""

    def wait_seconds(self, priority: Priority, *, share: float = 1.0) -> float | None:
        """Predict the wait of a new job, in seconds.

        A model that has not restored anything yet counts as 0, so this is a lower bound.

        Args:
            priority: priority of the job.
            share: share of the queued jobs of this priority that come before it, 0 to 1.

        Returns:
            The seconds; None if there is no worker.
        """
        slots = self.load.slots
        if not slots:
            return None
        interactive, batch = (self.load.of(each) for each in Priority)
        waiting = self._seconds(self.load.of(priority).queued_pixels)
        first = share * waiting + self._seconds(self.load.of(priority).running_pixels)
        if priority is Priority.BATCH:
            others = self._seconds(interactive.queued_pixels)
            others += self._seconds(interactive.running_pixels)
            batch_slots = max(slots - self.interactive_slots, 1)
            return max((first + others) / slots, first / batch_slots)
        running = self._seconds(batch.running_pixels)
        free = slots - batch.running
        # Until the batch jobs end, only the other slots can take interactive jobs.
        if free > 0 and batch.running and first / free <= running / batch.running:
            return first / free
        return (first + running) / slots

    def retry_after(self, ends: float, *, priority: Priority = Priority.BATCH) -> int:
        """Return the seconds after which `ends` jobs have probably ended, for `Retry-After`."""
        jobs = self.load.open_jobs
        if priority is Priority.INTERACTIVE:
            load = self.load.of(priority)
            jobs = load.waiting + load.running
        wait = self.wait_seconds(priority)
        if not wait or not jobs:
            return _UNKNOWN_PAUSE_SECONDS
        return clamp_retry_after(wait * min(ends / jobs, 1))

    def _seconds(self, pixels: Mapping[str, float]) -> float:
        return sum(
            self.seconds_per_megapixel.get(weights, 0.0) * count / 1e6
            for weights, count in pixels.items()
        )


def clamp_retry_after(seconds: float) -> int:
    """Clamp a `Retry-After` to the range from one second to one hour."""
    return min(max(math.ceil(seconds), 1), _LONGEST_PAUSE_SECONDS)


class BacklogMonitor:
    """Caches the backlog for all callers. Raises `StoreUnavailableError` while Redis is down."""

    def __init__(
        self,
        *,
        loads: LoadStore,
        throughput: ThroughputStore,
        interactive_slots: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loads = loads
        self._throughput = throughput
        self._interactive_slots = interactive_slots
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: tuple[float, Backlog] | None = None

    def snapshot(self) -> Backlog:
        """Return the backlog, at most one second old."""
        with self._lock:
            if self._seen is None or self._clock() - self._seen[0] > _FRESH_SECONDS:
                backlog = Backlog(
                    load=self._loads.snapshot(),
                    seconds_per_megapixel=self._throughput.all(),
                    interactive_slots=self._interactive_slots,
                )
                self._seen = self._clock(), backlog
            return self._seen[1]
