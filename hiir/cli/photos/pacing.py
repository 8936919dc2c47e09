"""Paces submissions according to the service's `RateLimit` headers."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hiir_client import RateLimit

__all__ = ["Pacer"]

_PAUSE_S = 1.0
"""Seconds after which a quota that refills with time is tried again."""


class Pacer:
    """Delays submissions while a quota is used up, instead of having them refused. Thread-safe.

    The service counts exactly, but the headers may be outdated: if no quota seems to be left, one
    submission at a time is still sent, and its refusal says when to retry.
    """

    def __init__(
        self, limits: Callable[[], Mapping[str, "RateLimit"]], *, pause_seconds: float = _PAUSE_S
    ) -> None:
        self._limits = limits
        self._pause = pause_seconds
        self._changed = threading.Condition()
        self._submitting = 0
        self._open = 0

    @contextmanager
    def submission(self) -> Iterator[None]:
        """Wait until one submission may be sent; the block sends it."""
        with self._changed:
            while not self._may_submit():
                waited = not self._changed.wait(self._pause)
                if waited and self._submitting == 0 and not self._waits_for_own_job():
                    break
            self._submitting += 1
        try:
            yield
        finally:
            with self._changed:
                self._submitting -= 1
                self._changed.notify_all()

    @contextmanager
    def job(self) -> Iterator[None]:
        """Count an accepted job of this run until the block ends."""
        with self._changed:
            self._open += 1
        try:
            yield
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _may_submit(self) -> bool:
        return all(
            self._limits()[name].remaining > self._submitting
            for name in ("submits", "jobs")
            if name in self._limits()
        )

    def _waits_for_own_job(self) -> bool:
        """Return whether a job of this run must end before another can be accepted."""
        jobs = self._limits().get("jobs")
        return jobs is not None and jobs.remaining == 0 and self._open > 0
