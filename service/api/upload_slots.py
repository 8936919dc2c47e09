"""Limits the number of request bodies that are received concurrently, in total and per tenant."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import ServerBusyError, TooManyUploadsError


class UploadSlots:
    """A fixed number of slots; a request that finds no free slot is refused instead of queued."""

    def __init__(self, count: int, *, tenant_share: int) -> None:
        self._count = count
        self._tenant_share = tenant_share
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, tenant: str) -> Iterator[None]:
        """Hold a slot for the block.

        Call it only from the event loop, because it does not lock.

        Raises:
            ServerBusyError: if no slot is free.
            TooManyUploadsError: if the tenant holds its share.
        """
        if self._taken.total() >= self._count:
            raise ServerBusyError(
                "Too many uploads are in progress; try again shortly.", limit=self._count
            )
        if self._taken[tenant] >= self._tenant_share:
            raise TooManyUploadsError(
                "Too many of your uploads are in progress; finish one first.",
                limit=self._tenant_share,
                actual=self._taken[tenant] + 1,
            )
        self._taken[tenant] += 1
        try:
            yield
        finally:
            self._taken[tenant] -= 1
            if not self._taken[tenant]:
                del self._taken[tenant]
