"""The state of one server for an engine: its model, its load, and whether it may be used."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tritonclient.grpc import InferenceServerClient

from service.errors import ModelMismatchError
from service.inference.concurrency_limit import ConcurrencyLimit

_CONTACT_SECONDS = 1.0
"""Longest pause after which a server is surely still the same process.

No server can be replaced and serve again in so short a time.
"""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0
_MISMATCH_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Server:
    """A gRPC channel to one server, for one process."""

    address: str
    client: InferenceServerClient
    # tritonclient stores the call that it is sending in an attribute: two threads that send at the
    # same time would mix up their tiles.
    sending: threading.Lock = field(default_factory=threading.Lock)


class Route:
    """A server during one image. `Routes` guards `assigned`, and the engine guards `in_flight`."""

    def __init__(self, *, server: Server, limit: ConcurrencyLimit, verify: bool) -> None:
        self.server = server
        self.limit = limit
        self.checking = threading.Lock()
        self.is_used = False
        """Whether the server has answered a tile."""
        self.assigned = 0
        """Number of tiles that were sent to the server, or wait for one of its slots."""
        self.in_flight = 0
        """Number of tiles that were sent to the server and have not been answered."""
        self.mismatch: ModelMismatchError | None = None
        self.failing = False
        self._verify = verify
        self._must_check = verify
        self._contact = 0.0
        self._pause = _FIRST_PAUSE_SECONDS
        self.blocked_until = 0.0

    def needs_check(self) -> bool:
        """Return whether another process, with other weights, may have replaced the server."""
        idle = self.in_flight == 0 and time.monotonic() - self._contact > _CONTACT_SECONDS
        return self._must_check or (self._verify and idle)

    def admit(self) -> None:
        """Record that the server has the model of the contract."""
        self.mismatch, self._must_check = None, False
        self.touch()

    def refuse(self, mismatch: ModelMismatchError) -> None:
        """Record that the server lacks the model or has another version; ask again later."""
        self.mismatch, self._must_check = mismatch, True
        self.blocked_until = time.monotonic() + _MISMATCH_SECONDS

    def touch(self) -> None:
        """Record the time of an answer."""
        self._contact = time.monotonic()
        self._pause = _FIRST_PAUSE_SECONDS
        self.failing = False

    def block(self, *, lost: bool, jitter: float) -> None:
        """Do not use the server for a while.

        A server that was `lost` is checked before its next tile.
        """
        self._must_check |= lost
        self.blocked_until = time.monotonic() + self._pause * jitter
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)


class Routes:
    """Assigns each tile to the server with the lowest load relative to its capacity."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.all = tuple(routes)
        self._lock = threading.Lock()

    @contextmanager
    def take(self, wait: Callable[[float], object]) -> Iterator[Route]:
        """Choose a server for the block.

        If no server may be used yet, `wait` is called with the seconds to wait.
        """
        with self._lock:
            now = time.monotonic()
            free = [route for route in self.all if route.blocked_until <= now]
            chosen = min(
                free or sorted(self.all, key=lambda route: route.blocked_until)[:1],
                key=lambda route: (route.assigned + 1) / route.limit.size,
            )
            chosen.assigned += 1
        try:
            if chosen.blocked_until > now:
                wait(chosen.blocked_until - now)
            yield chosen
        finally:
            with self._lock:
                chosen.assigned -= 1
