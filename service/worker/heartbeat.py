"""Heartbeat of a running job: a thread that reports progress, extends the lease and stops the job.

It collects every reason to stop a job: its owner, a lost lease, its time limit, and the worker's
shutdown. The job checks a single flag.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from enum import Enum, auto
from typing import Self

from service.errors import ServiceError
from service.jobs.job import Progress
from service.jobs.lease import Lease, LeaseState
from service.jobs.store import JobStore
from service.settings.jobs import JobSettings

logger = logging.getLogger(__name__)

_BEAT_SECONDS = 0.5
_TILE_SECONDS = 0.05
"""Shortest interval between two checks after tiles; a GPU completes many tiles in it."""


class StopReason(Enum):
    """Why a job must stop."""

    LEASE_LOST = auto()
    """The lease expired or moved to another worker; this worker's writes are rejected."""
    CANCELED = auto()
    """The owner canceled the job."""
    TIMED_OUT = auto()
    """The job reached its time limit."""
    DRAINED = auto()
    """The worker is shutting down."""


class JobInterruptedError(Exception):
    """Raised between two steps of a job that must stop."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason.name)
        self.reason = reason


class Heartbeat:
    """Reports for one lease, from `start` to `end`.

    Progress is written at most twice a second. A cancellation by the owner is also checked after
    each tile, so that a canceled job stops at its next tile.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        lease: Lease,
        settings: JobSettings,
        should_drain: Callable[[], bool],
    ) -> None:
        self._jobs = jobs
        self._lease = lease
        self._settings = settings
        self._should_drain = should_drain
        self._deadline = time.monotonic() + settings.soft_time_limit
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._reason: StopReason | None = None
        self._finishing = False
        self._interrupt: Callable[[], None] | None = None
        self._away = False
        self.progress = Progress()
        """Progress for the next report; set by the job's own thread."""
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._beat_until_end,), name="heartbeat", daemon=True
        )

    def start(self) -> Self:
        """Start reporting."""
        self._thread.start()
        return self

    def end(self) -> None:
        """Stop reporting."""
        self._ended.set()
        self._wake.set()
        self._thread.join()

    def check_soon(self) -> None:
        """Check for a reason to stop now, not at the next heartbeat; called after each tile."""
        self._wake.set()

    def finish_up(self) -> None:
        """Let the job end during a shutdown, because only its result remains to be stored."""
        with self._lock:
            self._finishing = True
            if self._reason is StopReason.DRAINED:
                self._reason = None

    @property
    def reason(self) -> StopReason | None:
        """The first reason why the job must stop; None while it may continue.

        After `finish_up`, a shutdown of the worker is no longer a reason.
        """
        return self._reason

    def check(self) -> None:
        """Check whether the job must stop.

        Raises:
            JobInterruptedError: if it must.
        """
        if self._reason is not None:
            raise JobInterruptedError(self._reason)

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` from the heartbeat's thread as soon as the job must stop."""
        with self._lock:
            self._interrupt = interrupt
            if self._reason is not None:
                interrupt()
        try:
            yield
        finally:
            with self._lock:
                self._interrupt = None

    def _beat_until_end(self) -> None:
        pause = min(_BEAT_SECONDS, self._settings.lease_seconds / 3)
        next_beat = time.monotonic() + pause
        while not self._ended.wait(min(_TILE_SECONDS, pause)):
            self._wake.wait(max(next_beat - time.monotonic(), 0.0))
            self._wake.clear()
            if self._ended.is_set():
                return
            is_beat = time.monotonic() >= next_beat
            reason = self._report(self.progress if is_beat else None) or self._check_limits()
            if is_beat:
                next_beat = time.monotonic() + pause
            if reason is not None and self._reason is None:
                with self._lock:
                    if self._finishing and reason is StopReason.DRAINED:
                        continue
                    self._reason = reason
                    if self._interrupt is not None:
                        self._interrupt()

    def _report(self, progress: Progress | None) -> StopReason | None:
        try:
            state = self._jobs.report(self._lease, progress)
        except ServiceError as error:
            if not self._away:
                logger.warning("heartbeat failed, retrying: %s", error.code)
            self._away = True
            return None
        self._away = False
        match state:
            case LeaseState.LOST:
                return StopReason.LEASE_LOST
            case LeaseState.STOP:
                return StopReason.CANCELED
            case LeaseState.HELD:
                return None

    def _check_limits(self) -> StopReason | None:
        if time.monotonic() >= self._deadline:
            return StopReason.TIMED_OUT
        return StopReason.DRAINED if self._should_drain() else None
