"""One server as an engine sees it: what it serves, how busy it is, and whether it may be used."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tritonclient.grpc import InferenceServerClient

from service.errors import ModelMismatchError
from service.inference.concurrency_limit import ConcurrencyLimit

_CONTACT_SECONDS = 1.0
"""Longest time without a call in flight after which a server is surely the same process still: none
is replaced and serves again in so short a time."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0
_MISMATCH_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Server:
    """A gRPC channel to one server, for one process."""

    address: str
    client: InferenceServerClient
    # tritonclient stores the call that it is sending in an attribute: two threads that send at
    # once would mix up their tiles.
    sending: threading.Lock = field(default_factory=threading.Lock)


class Route:
    """A server during one image. `Routes` guards `assigned`, and the engine `in_flight`."""

    def __init__(self, *, server: Server, limit: ConcurrencyLimit, verify: bool) -> None:
        self.server = server
        self.limit = limit
        self.checking = threading.Lock()
        self.is_used = False
        """Whether it has answered a tile."""
        self.assigned = 0
        """Tiles that it has, or that wait for one of its slots."""
        self.in_flight = 0
        """Tiles that it has been sent and has not answered."""
        self.mismatch: ModelMismatchError | None = None
        self.failing = False
        self._verify = verify
        self._must_check = verify
        self._contact = 0.0
        self._pause = _FIRST_PAUSE_SECONDS
        self.blocked_until = 0.0

    def needs_check(self) -> bool:
        """Return whether another process, with other weights, may have taken its place."""
        idle = self.in_flight == 0 and time.monotonic() - self._contact > _CONTACT_SECONDS
        return self._must_check or (self._verify and idle)

    def admit(self) -> None:
        """Record that it serves the model of the contract."""
        self.mismatch, self._must_check = None, False
        self.touch()

    def refuse(self, mismatch: ModelMismatchError) -> None:
        """Record that it serves another model, or not this one: ask again after some seconds."""
        self.mismatch, self._must_check = mismatch, True
        self.blocked_until = time.monotonic() + _MISMATCH_SECONDS

    def touch(self) -> None:
        """Record an answer."""
        self._contact = time.monotonic()
        self._pause = _FIRST_PAUSE_SECONDS
        self.failing = False

    def block(self, *, lost: bool, jitter: float) -> None:
        """Leave it alone for a while; one that was `lost` is checked before its next tile."""
        self._must_check |= lost
        self.blocked_until = time.monotonic() + self._pause * jitter
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)


class Routes:
    """Gives each tile the server that has the least to do for its size."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.all = tuple(routes)
        self._lock = threading.Lock()

    @contextmanager
    def take(self, wait: Callable[[float], object]) -> Iterator[Route]:
        """Choose a server for the block; calls `wait` with seconds if all are to be left alone."""
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
