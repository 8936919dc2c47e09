"""Looks for deliveries that are due, and announces each to whoever sends."""

import logging
import threading
import time
from collections.abc import Callable

from service.errors import ServiceError, StoreUnavailableError
from service.jobs.queue import DeliveryQueue
from service.webhooks.store import DeliveryStore

logger = logging.getLogger(__name__)

_MOST = 64
_LIVE_SECONDS = 15.0
_UNHEARD_SECONDS = 60.0
"""After which a delivery that was announced, and not taken, is announced again."""


class Dispatcher:
    """The parent's one thread. `on_event_loop_tick` must be called from Celery's event loop, again
    and again.

    Pauses are kept in Redis and not in messages: those would lie in a worker's memory for hours.
    """

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        queue: DeliveryQueue,
        poll_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliveries = deliveries
        self._queue = queue
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._name = ""
        self._pulse_at = clock()
        self._ending = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self, name: str) -> None:
        """Begin, for the worker of this name."""
        self._name = name
        self._thread.start()

    def on_event_loop_tick(self) -> None:
        """Note that the event loop turns."""
        self._pulse_at = self._clock()

    def begin_drain(self) -> None:
        """Announce nothing more; safe in a signal handler."""
        self._ending.set()

    def poll(self) -> None:
        """Say that the worker lives, and announce what is due."""
        try:
            if self._clock() - self._pulse_at < _LIVE_SECONDS:
                self._deliveries.beat(self._name, seconds=_LIVE_SECONDS)
            for delivery_id in self._deliveries.poll(count=_MOST, seconds=_UNHEARD_SECONDS):
                self._queue.publish(delivery_id)
        except StoreUnavailableError:
            if not self._away:
                logger.warning("Redis is away")
            self._away = True
        except ServiceError as error:
            # What was not announced is due again in a while.
            logger.warning("a look for deliveries failed: %s", error.code)
        else:
            self._away = False

    def _run(self) -> None:
        while not self._ending.wait(self._poll_seconds):
            self.poll()
