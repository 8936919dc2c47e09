"""An adaptive limit on one image's tiles in flight at Triton, which bounds the batch size."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_POLL_SECONDS = 0.2


class ConcurrencyLimit:
    """Halves when a batch fails, down to one tile; grows by one for each full round of successes.

    Additive increase, multiplicative decrease, as in TCP: a number of tiles that was too high while
    other jobs were running may fit again when they have ended.
    """

    def __init__(self, size: int, *, closed: threading.Event) -> None:
        """Start at the maximum `size`; once `closed` is set, `slot` no longer waits."""
        self._largest = size
        self._size = size
        self._closed = closed
        self._inside = 0
        self._successes = 0
        self._changed = threading.Condition()

    @property
    def size(self) -> int:
        """Current limit."""
        return self._size

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Wait for a free slot and hold it; yields the limit at that time."""
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
        """Halve the limit if it is still `size`, so that a failed batch counts only once.

        Returns:
            Whether the limit was halved.
        """
        with self._changed:
            self._successes = 0
            if self._size != size or size == 1:
                return False
            self._size = size // 2
            return True

    def record_success(self) -> None:
        """Count a successful tile."""
        with self._changed:
            self._successes += 1
            if self._successes >= self._size and self._size < self._largest:
                self._size += 1
                self._successes = 0
                self._changed.notify()
