"""Heartbeat of a Celery worker's event loop, sent while it runs and is connected to the broker."""

from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps

_TICK_SECONDS = 1.0


def connect_event_loop_heartbeat(app: Celery, on_tick: Callable[[], None]) -> None:
    """Call `on_tick` every second from the worker's event loop while it is connected."""

    class EventLoopHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc] # celery has no types
        """A bootstep of the consumer, which starts and stops with the connection to the broker."""

        requires = ("celery.worker.consumer:Tasks",)

        def start(self, parent: Any) -> None:
            on_tick()
            parent.timer.call_repeatedly(_TICK_SECONDS, on_tick)

    app.steps["consumer"].add(EventLoopHeartbeat)
