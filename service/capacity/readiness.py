"""Whether jobs can run now: Redis with memory, Triton with every model, and at least one worker.

The state is checked by the readiness route and before each upload, and cached for two seconds.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from service.capacity.model_server import ModelServers
from service.errors import InferenceUnavailableError, ServiceError, StoreUnavailableError
from service.jobs.store import JobStore

_FRESH_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessReport:
    """The state of each component: None if it is ready, otherwise the reason why it is not."""

    problems: Mapping[str, str | None]
    tritons: Sequence[str | None] = ()
    """The state of each Triton server in the same form; one ready server suffices."""

    @property
    def ready(self) -> bool:
        """Whether every component is ready."""
        return not any(self.problems.values())


class Readiness:
    """Probes the components, one caller at a time, and caches the result."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        triton: ModelServers,
        models: tuple[str, ...],
        max_memory_percent: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._triton = triton
        self._models = models
        self._max_memory_percent = max_memory_percent
        self._clock = clock
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._report = ReadinessReport(problems={})

    def report(self) -> ReadinessReport:
        """Return the state of the components, at most two seconds old."""
        with self._lock:
            now = self._clock()
            if self._asked_at is None or now - self._asked_at > _FRESH_SECONDS:
                servers = self._triton.report(self._models)
                self._report = ReadinessReport(
                    tritons=servers.servers,
                    problems={
                        "redis": self._probe_redis(),
                        "memory": self._probe_memory(),
                        "triton": servers.missing,
                        "worker": self._probe_worker(),
                    },
                )
                # The lifetime is counted from the answer, because probing a missing server is slow.
                self._asked_at = self._clock()
            return self._report

    def require_servers(self) -> None:
        """Check that jobs can be accepted.

        A missing worker is no error, because the queue keeps jobs until there is one. A full store
        is refused with more detail where memory is reserved.

        Raises:
            StoreUnavailableError: if Redis is not ready.
            InferenceUnavailableError: if Triton is not ready.
        """
        problems = self.report().problems
        if problems["redis"] is not None:
            raise StoreUnavailableError("The job store does not answer; try again shortly.")
        if problems["triton"] is not None:
            raise InferenceUnavailableError("The inference server is not ready; try again shortly.")

    def _probe_redis(self) -> str | None:
        try:
            self._jobs.ping()
        except ServiceError:
            return "does not answer"
        return None

    def _probe_memory(self) -> str | None:
        try:
            percent = self._jobs.memory_percent()
        except ServiceError:
            return "unknown, as Redis does not answer"
        if percent < self._max_memory_percent:
            return None
        return f"{percent} % of Redis's memory is in use, so workers take no jobs"

    def _probe_worker(self) -> str | None:
        try:
            return None if self._jobs.live_workers() else "no worker is alive"
        except ServiceError:
            return "unknown, as Redis does not answer"
