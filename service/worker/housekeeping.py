"""Housekeeping of the worker's parent process: its heartbeat, the reaper, and shutdown.

The thread starts when the worker is ready and continues during shutdown: running jobs get some time
to finish, and then their processes are asked to requeue them.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.sharedctypes import RawValue

from service.errors import ServiceError, StoreUnavailableError
from service.jobs.store import JobStore
from service.settings.jobs import JobSettings
from service.worker.reaper import Reaper

logger = logging.getLogger(__name__)

_LIVE_PERIODS = 3
_LEAST_LIVE_SECONDS = 5.0  # on a loaded machine the event loop may tick this late


class DrainFlag:
    """A flag that the parent sets for its children; create it before they are forked.

    It is plain shared memory without a lock: a child that is killed could leave a lock held.
    """

    def __init__(self) -> None:
        self._flag = RawValue("b", 0)

    def set(self) -> None:
        """Ask every process to requeue its job."""
        self._flag.value = 1

    def is_set(self) -> bool:
        """Return whether the processes were asked to requeue their jobs."""
        return bool(self._flag.value)


class WorkerHousekeeping:
    """The housekeeping thread of the parent process.

    Celery's event loop must call `on_event_loop_tick` every second. A worker whose event loop hangs
    or is disconnected takes no jobs, and is not reported as alive.
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
        self._has_turns = False
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self, name: str, *, slots: int) -> None:
        """Start the thread for the worker `name` with `slots` slots."""
        self._name, self._slots = name, slots
        self._thread.start()

    def on_event_loop_tick(self) -> None:
        """Record that the event loop runs."""
        self._ticked_at = self._clock()

    def begin_drain(self) -> None:
        """Start the shutdown. Safe to call in a signal handler."""
        self._ending.set()

    def _run(self) -> None:
        while True:
            if self._clock() - self._ticked_at < self._live_seconds:
                self._beat()
                # Publish turns for slots that have become free or are new.
                self._has_turns = self._has_turns or self._reaper.publish(self._slots)
            self._reaper.run_once()
            if self._ending.wait(self._settings.reaper_seconds):
                break
        with suppress(ServiceError):
            self._jobs.retire(self._name)
        time.sleep(self._settings.drain_seconds)
        logger.info("asking for running jobs to be requeued")
        self._drain.set()

    def _beat(self) -> None:
        try:
            self._jobs.beat(self._name, seconds=self._live_seconds, slots=self._slots)
        except StoreUnavailableError:
            if not self._away:
                logger.warning("Redis is not available")
            self._away = True
        except ServiceError as error:
            logger.exception("heartbeat failed: %s", error.code)
        else:
            self._away = False

    @property
    def _live_seconds(self) -> float:
        return max(_LIVE_PERIODS * self._settings.reaper_seconds, _LEAST_LIVE_SECONDS)
