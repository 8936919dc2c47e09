"""Limits the number of request bodies that are received at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import ServerBusyError


class UploadSlots:
    """A fixed number of slots; a request that finds none is refused, not queued."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._slots = asyncio.Semaphore(count)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold a slot for the block; raises `ServerBusyError` if none is free."""
        if self._slots.locked():
            raise ServerBusyError(
                "Too many uploads are in progress; try again shortly.", limit=self._count
            )
        async with self._slots:
            yield
