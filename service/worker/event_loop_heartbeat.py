"""A sign of life from a Celery worker's event loop: it turns, and is connected to the broker."""

from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps

_PULSE_SECONDS = 1.0


def connect_pulse(app: Celery, pulse: Callable[[], None]) -> None:
    """Call `pulse` every second from the worker's event loop, as long as it is connected."""

    class Pulse(bootsteps.StartStopStep):  # type: ignore[misc] # celery has no types
        """Part of the consumer: begins with each connection to the broker, ends with it."""

        requires = ("celery.worker.consumer:Tasks",)

        def start(self, parent: Any) -> None:
            pulse()
            parent.timer.call_repeatedly(_PULSE_SECONDS, pulse)

    app.steps["consumer"].add(Pulse)
