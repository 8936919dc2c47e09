"""Codec processes for many threads: as many as images are checked at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hiir.imaging import Codec
from service.limits import Limits


def build_codec(limits: Limits) -> Codec:
    """A codec under the service's limits; its process starts with the first image."""
    return Codec(max_bytes=limits.codec_bytes, decode_seconds=limits.decode_seconds)


class CodecPool:
    """Lends one codec to one thread; used by many at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._slots = threading.BoundedSemaphore(limits.concurrent_checks)
        self._idle: list[Codec] = []

    @contextmanager
    def take(self) -> Iterator[Codec]:
        """Wait for a codec, and have it in the block."""
        with self._slots:
            # The one used last: the others' processes are not even started on a quiet day.
            codec = self._idle.pop() if self._idle else build_codec(self._limits)
            try:
                yield codec
            finally:
                self._idle.append(codec)

    def close(self) -> None:
        """End the processes that nobody has."""
        while self._idle:
            self._idle.pop().close()
