"""A pool of codec processes, one for each image that is validated concurrently."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hiir.imaging import Codec
from service.limits import Limits


def build_codec(limits: Limits) -> Codec:
    """Build a codec with the service's limits; its process starts with the first image."""
    return Codec(max_bytes=limits.codec_bytes, decode_seconds=limits.decode_seconds)


class CodecPool:
    """Lends each codec to one thread at a time; thread-safe."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._slots = threading.BoundedSemaphore(limits.concurrent_checks)
        self._idle: list[Codec] = []

    @contextmanager
    def take(self) -> Iterator[Codec]:
        """Wait for a codec and hold it for the block."""
        with self._slots:
            # The codec used last comes first: under low load the other processes are never started.
            codec = self._idle.pop() if self._idle else build_codec(self._limits)
            try:
                yield codec
            finally:
                self._idle.append(codec)

    def close(self) -> None:
        """End the idle processes."""
        while self._idle:
            self._idle.pop().close()
