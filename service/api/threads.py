"""Threads for blocking calls, with a separate limit for each kind of work.

All other calls share the framework's threads. Uploads that wait for a codec, slow downloads and
thousands of event streams must not take threads from short requests.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

P = ParamSpec("P")
T = TypeVar("T")

_DOWNLOADS = 16
_STREAMS = 16


class Threads:
    """One limiter for each kind of work."""

    def __init__(self, *, uploads: int) -> None:
        self._uploads = CapacityLimiter(uploads)
        self._downloads = CapacityLimiter(_DOWNLOADS)
        self._streams = CapacityLimiter(_STREAMS)

    async def for_upload(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that handles an upload; there are as many threads as upload slots."""
        return await run_sync(partial(function, *args, **kwargs), limiter=self._uploads)

    async def for_stream(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that reads for an event stream or a long poll."""
        return await run_sync(partial(function, *args, **kwargs), limiter=self._streams)

    async def iterate(self, pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the pieces of a download; each is read in a thread."""
        iterator = iter(pieces)
        while (piece := await run_sync(next, iterator, None, limiter=self._downloads)) is not None:
            yield piece
