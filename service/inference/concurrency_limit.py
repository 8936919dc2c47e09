"""How many tiles of one image wait at Triton at once, which is how large its batches can get."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_POLL_SECONDS = 0.2


class ConcurrencyLimit:
    """Halved when a batch was too much, down to one tile; one more after each full window since.

    As in a network that is shared: what was too much beside the jobs of others may be right again
    when they have ended, and nobody tells.
    """

    def __init__(self, size: int, *, closed: threading.Event) -> None:
        """`size` is the largest; once `closed`, nobody is held up any more."""
        self._largest = size
        self._size = size
        self._closed = closed
        self._inside = 0
        self._successes = 0
        self._changed = threading.Condition()

    @property
    def size(self) -> int:
        """Tiles that may wait at once."""
        return self._size

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Wait for a place, and hold it; gives the size that the window has by then."""
        with self._changed:
            while self._inside >= self._size and not self._closed.is_set():
                self._changed.wait(_POLL_SECONDS)
            self._inside += 1
            size = self._size
        try:
            yield size
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify()

    def decrease(self, size: int) -> bool:
        """Make it half of `size`, unless it has changed since: a batch fails with all its tiles."""
        with self._changed:
            self._successes = 0
            if self._size != size or size == 1:
                return False
            self._size = size // 2
            return True

    def record_success(self) -> None:
        """Count a tile that came back."""
        with self._changed:
            self._successes += 1
            if self._successes >= self._size and self._size < self._largest:
                self._size += 1
                self._successes = 0
                self._changed.notify()
