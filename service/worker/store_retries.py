"""Waiting for a store that is down or full, while the job may be stopped."""

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
    """Repeats what an attempt asks of the stores, within the limits of the settings."""

    def __init__(self, *, settings: JobSettings, heartbeat: Heartbeat, drain: DrainFlag) -> None:
        self._settings = settings
        self._heartbeat = heartbeat
        self._drain = drain

    def retry(self, action: Callable[[], T], *, stoppable: bool = False) -> T:
        """Retry `action` while Redis is down; raises `StoreUnavailableError` at the time limit."""
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
        """Retry while the store is full; raises `StoreFullError` at the time limit."""
        give_up = time.monotonic() + self._settings.store_full_seconds
        while True:
            try:
                return self.retry(hand_over)
            except StoreFullError:
                reason = self._heartbeat.reason
                if time.monotonic() >= give_up or reason is StopReason.TIMED_OUT:
                    raise
            self._heartbeat.check()
            if self._drain.is_set():  # the wait may be longer than the worker has
                raise JobInterruptedError(StopReason.DRAINED)
            logger.warning("the job store is full: the result is kept and offered again")
            time.sleep(_FULL_RETRY_SECONDS)
