"""Polls for due deliveries and publishes them to the webhook workers."""

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
"""A published delivery that nobody has claimed is published again after this time."""


class Dispatcher:
    """One thread of the parent process, which reports a heartbeat and polls for due deliveries.

    Celery's event loop must call `on_event_loop_tick` every second. Retry delays are kept in Redis
    and not in messages, which would stay in a worker's memory for hours.
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
        """Start, for the worker of this name."""
        self._name = name
        self._thread.start()

    def on_event_loop_tick(self) -> None:
        """Record that the event loop runs."""
        self._pulse_at = self._clock()

    def begin_drain(self) -> None:
        """Stop publishing; safe in a signal handler."""
        self._ending.set()

    def poll(self) -> None:
        """Report the heartbeat and publish what is due."""
        try:
            if self._clock() - self._pulse_at < _LIVE_SECONDS:
                self._deliveries.beat(self._name, seconds=_LIVE_SECONDS)
            for delivery_id in self._deliveries.poll(count=_MOST, seconds=_UNHEARD_SECONDS):
                self._queue.publish(delivery_id)
        except StoreUnavailableError:
            if not self._away:
                logger.warning("Redis is not available")
            self._away = True
        except ServiceError as error:
            # What was not published becomes due again.
            logger.warning("polling for deliveries failed: %s", error.code)
        else:
            self._away = False

    def _run(self) -> None:
        while not self._ending.wait(self._poll_seconds):
            self.poll()
