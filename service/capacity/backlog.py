"""What there is to do, and how long that will take: the queue, the jobs under way, the workers.

Asked before each submission and at each look at the metrics; an answer serves for a second, because
a long queue is looked through for it.
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
    """The state of the service at one moment."""

    load: Load
    seconds_per_megapixel: Mapping[str, float]
    """Seconds that a megapixel takes, by the weights' SHA-256."""

    @property
    def wait_seconds(self) -> float | None:
        """How long a job that comes now will wait; None while nobody can tell.

        Jobs of models that have not restored anything yet count for nothing: it is the least that
        the wait will be.
        """
        if not self.load.slots:
            return None
        work = sum(
            self.seconds_per_megapixel.get(sha, 0.0) * pixels
            for sha, pixels in self.load.pixels.items()
        )
        return work / 1e6 / self.load.slots

    def retry_after(self, ends: float) -> int:
        """Whole seconds after which so many jobs may have ended, to be told as `Retry-After`."""
        jobs = self.load.waiting + self.load.running
        wait = self.wait_seconds
        if not wait or not jobs:
            return _UNKNOWN_PAUSE_SECONDS
        return clamp_retry_after(wait * min(ends / jobs, 1))


def clamp_retry_after(seconds: float) -> int:
    """A `Retry-After` of at least a second and at most an hour."""
    return min(max(math.ceil(seconds), 1), _LONGEST_PAUSE_SECONDS)


class BacklogMonitor:
    """Looks for many askers at once. Raises `StoreUnavailableError` while Redis is away."""

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
        """The backlog, at most a second old."""
        with self._lock:
            if self._seen is None or self._clock() - self._seen[0] > _FRESH_SECONDS:
                backlog = Backlog(
                    load=self._loads.snapshot(), seconds_per_megapixel=self._throughput.all()
                )
                self._seen = self._clock(), backlog
            return self._seen[1]
