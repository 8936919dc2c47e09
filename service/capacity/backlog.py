"""The work that is queued or running, and how long it will take.

Read before each submission and on each scrape of the metrics; cached for one second, because a long
queue is read in full.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.capacity.load import Load, LoadStore
from service.capacity.throughput import ThroughputStore

_FRESH_SECONDS = 1.0
_UNKNOWN_PAUSE_SECONDS = 30
_LONGEST_PAUSE_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The state of the service at one time."""

    load: Load
    seconds_per_megapixel: Mapping[str, float]
    """By the SHA-256 of the weights."""

    @property
    def wait_seconds(self) -> float | None:
        """Predicted wait of a new job; None if there is no worker.

        A model that has not restored anything yet counts as 0, so this is a lower bound.
        """
        if not self.load.slots:
            return None
        work = sum(
            self.seconds_per_megapixel.get(sha, 0.0) * pixels
            for sha, pixels in self.load.pixels.items()
        )
        return work / 1e6 / self.load.slots

    def retry_after(self, ends: float) -> int:
        """Return the seconds after which `ends` jobs may have ended, for `Retry-After`."""
        jobs = self.load.waiting + self.load.running
        wait = self.wait_seconds
        if not wait or not jobs:
            return _UNKNOWN_PAUSE_SECONDS
        return clamp_retry_after(wait * min(ends / jobs, 1))


def clamp_retry_after(seconds: float) -> int:
    """Clamp a `Retry-After` to between one second and one hour."""
    return min(max(math.ceil(seconds), 1), _LONGEST_PAUSE_SECONDS)


class BacklogMonitor:
    """Caches the backlog for all callers. Raises `StoreUnavailableError` while Redis is down."""

    def __init__(
        self,
        *,
        loads: LoadStore,
        throughput: ThroughputStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loads = loads
        self._throughput = throughput
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: tuple[float, Backlog] | None = None

    def snapshot(self) -> Backlog:
        """Return the backlog, at most one second old."""
        with self._lock:
            if self._seen is None or self._clock() - self._seen[0] > _FRESH_SECONDS:
                backlog = Backlog(
                    load=self._loads.snapshot(), seconds_per_megapixel=self._throughput.all()
                )
                self._seen = self._clock(), backlog
            return self._seen[1]
