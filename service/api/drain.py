"""The end of the API's process, in good order, once it is asked to end.

First it says that it is not ready, so that nobody is sent here any more; after a pause those who
wait here without end, for events or for a job's end, are let go; then the server stops. Left to
itself, it would stop at once, and wait for the last of them.
"""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Drain:
    """Where the process is on its way out."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self.is_draining = False
        """Whether it was asked to end."""
        self.is_stopping = False
        """Whether who waits is to be let go."""

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Inside the block, stand between the signals to end and the server's own handlers."""
        if threading.current_thread() is not threading.main_thread():
            yield  # not a process of its own
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def stop(number: int) -> None:
            self.is_draining = self.is_stopping = True
            handler = before[signal.Signals(number)]
            if callable(handler):
                handler(number, None)

        def handle(number: int, _: FrameType | None) -> None:
            if self.is_draining or not self._seconds:  # the second time there is no pause
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
