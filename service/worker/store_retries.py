"""Retries operations on a store that is down or full, until the job must stop."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from service.errors import StoreFullError, StoreUnavailableError
from service.settings.jobs import JobSettings
from service.worker.heartbeat import Heartbeat, JobInterruptedError, StopReason
from service.worker.housekeeping import DrainFlag

logger = logging.getLogger(__name__)
T = TypeVar("T")

_RETRY_SECONDS = 0.5
_FULL_RETRY_SECONDS = 2.0
"""Pause before a result is offered to a full store again."""


class StoreRetries:
    """Retries an attempt's operations on the stores, within the limits of the settings."""

    def __init__(self, *, settings: JobSettings, heartbeat: Heartbeat, drain: DrainFlag) -> None:
        self._settings = settings
        self._heartbeat = heartbeat
        self._drain = drain

    def retry(self, action: Callable[[], T], *, stoppable: bool = False) -> T:
        """Retry `action` while Redis is down.

        Args:
            action: the operation to repeat.
            stoppable: whether the wait ends when the job must stop.

        Raises:
            StoreUnavailableError: after `store_retry_seconds`.
            JobInterruptedError: if `stoppable` is set and the job must stop.
        """
        give_up = time.monotonic() + self._settings.store_retry_seconds
        while True:
            try:
                return action()
            except StoreUnavailableError:
                if time.monotonic() >= give_up:
                    raise
            if stoppable:
                self._heartbeat.check()
            time.sleep(_RETRY_SECONDS)

    def offer(self, hand_over: Callable[[], T]) -> T:
        """Retry `hand_over` while the store is full.

        Raises:
            StoreFullError: after `store_full_seconds`, or at the job's time limit.
            JobInterruptedError: if the job must stop, or the worker is shutting down.
        """
        give_up = time.monotonic() + self._settings.store_full_seconds
        while True:
            try:
                return self.retry(hand_over)
            except StoreFullError:
                reason = self._heartbeat.reason
                if time.monotonic() >= give_up or reason is StopReason.TIMED_OUT:
                    raise
            self._heartbeat.check()
            if self._drain.is_set():  # the wait may outlast the worker's shutdown
                raise JobInterruptedError(StopReason.DRAINED)
            logger.warning("the job store is full: the result is kept and offered again")
            time.sleep(_FULL_RETRY_SECONDS)
