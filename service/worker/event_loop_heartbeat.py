"""A sign of life from a Celery worker's event loop: it turns, and is connected to the broker."""

from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps

_TICK_SECONDS = 1.0


def connect_event_loop_heartbeat(app: Celery, on_tick: Callable[[], None]) -> None:
    """Call `on_tick` every second from the worker's event loop, as long as it is connected."""

    class EventLoopHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc] # celery has no types
        """Part of the consumer: begins with each connection to the broker, ends with it."""

        requires = ("celery.worker.consumer:Tasks",)

        def start(self, parent: Any) -> None:
            on_tick()
            parent.timer.call_repeatedly(_TICK_SECONDS, on_tick)

    app.steps["consumer"].add(EventLoopHeartbeat)
