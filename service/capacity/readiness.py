"""Whether jobs can be done now: Redis, Triton with every model, and at least one worker.

Asked by the readiness route and before each upload; an answer serves for two seconds.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from service.errors import InferenceUnavailableError, ServiceError, StoreUnavailableError
from service.jobs.store import JobStore

_FRESH_SECONDS = 2.0
_PROBE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessReport:
    """The state of each component; a reason for what is not ready, None for what is."""

    problems: Mapping[str, str | None]

    @property
    def ready(self) -> bool:
        """Whether every component is."""
        return not any(self.problems.values())


class Readiness:
    """Asks the components, one asker at a time, and remembers the answer for a moment."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        triton: httpx.Client,
        models: tuple[str, ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._triton = triton
        self._models = models
        self._clock = clock
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._report = ReadinessReport(problems={})

    def report(self) -> ReadinessReport:
        """The components' state, at most two seconds old."""
        with self._lock:
            now = self._clock()
            if self._asked_at is None or now - self._asked_at > _FRESH_SECONDS:
                self._report = ReadinessReport(
                    problems={
                        "redis": self._probe_redis(),
                        "triton": self._probe_triton(),
                        "worker": self._probe_worker(),
                    }
                )
                # Counted from the answer: an absent server makes asking itself slow.
                self._asked_at = self._clock()
            return self._report

    def require_servers(self) -> None:
        """Raise `StoreUnavailableError` or `InferenceUnavailableError` for what cannot take a job
        now.

        An absent worker is no reason: the queue keeps the job until there is one.
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

    def _probe_triton(self) -> str | None:
        # The server's own word comes first: its models stay "ready" when their processes are dead.
        try:
            if not self._is_ok("/v2/health/ready"):
                return "is not ready"
            for model in self._models:
                if not self._is_ok(f"/v2/models/{model}/ready"):
                    return f"does not serve {model}"
        except httpx.HTTPError:
            return "does not answer"
        return None

    def _probe_worker(self) -> str | None:
        try:
            return None if self._jobs.live_workers() else "none is alive"
        except ServiceError:
            return "cannot be known"

    def _is_ok(self, path: str) -> bool:
        return self._triton.get(path, timeout=_PROBE_SECONDS).status_code == httpx.codes.OK
