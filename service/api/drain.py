"""Graceful shutdown of an API process.

It first reports that it is not ready, so that load balancers stop sending requests. After a pause,
open event streams and long polls end, and then the server stops. By default, the server would stop
accepting connections at once, and wait for the last request.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Drain:
    """State of the shutdown."""

    def __init__(self, *, seconds: float, on_stop: Callable[[], None]) -> None:
        self._seconds = seconds
        self._on_stop = on_stop
        self.is_draining = False
        """Whether the process was asked to stop."""
        self.is_stopping = False
        """Whether streams and long polls must end."""

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Intercept the stop signals, and pass them to the server's handlers after the pause."""
        if threading.current_thread() is not threading.main_thread():
            yield  # inside another process, for example in tests
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def stop(number: int) -> None:
            self.is_draining = self.is_stopping = True
            loop.call_soon_threadsafe(self._on_stop)  # in the event loop, not in the handler
            handler = before[signal.Signals(number)]
            if callable(handler):
                handler(number, None)

        def handle(number: int, _: FrameType | None) -> None:
            if self.is_draining or not self._seconds:  # a second signal skips the pause
                stop(number)
            else:
                self.is_draining = True
                loop.call_soon_threadsafe(loop.call_later, self._seconds, stop, number)

        for number in before:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
