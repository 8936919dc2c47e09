"""What the worker's parent process does beside Celery: says that it lives, reaps, and drains.

Its thread starts when the worker is ready and outlives the order to end: then it lets the jobs
under way go on for a while, and after that asks the processes that have them to give them back.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.sharedctypes import RawValue

from service.errors import ServiceError, StoreUnavailableError
from service.jobs.store import JobStore
from service.settings import JobSettings
from service.worker.reaper import Reaper

logger = logging.getLogger(__name__)

_LIVE_PERIODS = 3
_LEAST_LIVE_SECONDS = 5.0  # on a busy machine the event loop may turn this late


class DrainFlag:
    """A bit that the parent sets and its children see, if it was made before they were forked.

    Bare shared memory: a lock could be held by a child at the moment when that is killed.
    """

    def __init__(self) -> None:
        self._flag = RawValue("b", 0)

    def set(self) -> None:
        """Ask every process to give its job back."""
        self._flag.value = 1

    def is_set(self) -> bool:
        """Whether that was asked."""
        return bool(self._flag.value)


class WorkerHousekeeping:
    """The parent's one thread. `on_event_loop_tick` must be called from Celery's event loop, again
    and again.

    A worker whose loop no longer turns, or is not connected, takes no jobs: it is not reported as
    alive, whatever its threads still do.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        reaper: Reaper,
        drain: DrainFlag,
        settings: JobSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._slots = "", 0
        self._jobs = jobs
        self._reaper = reaper
        self._drain = drain
        self._settings = settings
        self._clock = clock
        self._ticked_at = clock()
        self._ending = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self, name: str, *, slots: int) -> None:
        """Begin, for the worker of this name, which does so many jobs at once."""
        self._name, self._slots = name, slots
        self._thread.start()

    def on_event_loop_tick(self) -> None:
        """Note that the event loop turns."""
        self._ticked_at = self._clock()

    def begin_drain(self) -> None:
        """Begin to drain; safe in a signal handler."""
        self._ending.set()

    def _run(self) -> None:
        while True:
            if self._clock() - self._ticked_at < self._live_seconds:
                self._beat()
            self._reaper.run_once()
            if self._ending.wait(self._settings.reaper_seconds):
                break
        with suppress(ServiceError):
            self._jobs.retire(self._name)
        time.sleep(self._settings.drain_seconds)
        logger.info("asking for the jobs under way")
        self._drain.set()

    def _beat(self) -> None:
        try:
            self._jobs.beat(self._name, seconds=self._live_seconds, slots=self._slots)
        except StoreUnavailableError:
            if not self._away:
                logger.warning("Redis is away")
            self._away = True
        except ServiceError as error:
            logger.exception("the heartbeat failed: %s", error.code)
        else:
            self._away = False

    @property
    def _live_seconds(self) -> float:
        return max(_LIVE_PERIODS * self._settings.reaper_seconds, _LEAST_LIVE_SECONDS)
