"""Where the bytes of uploads, results and previews are kept until they expire.

Records of jobs refer to blobs by their id, size and hash. `blob_stores` opens the store that the
settings choose: Redis itself, or a bucket.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping

from service.jobs.stored_image import Blob


class BlobStore(ABC):
    """Blobs by id; thread-safe.

    Every method raises `StoreUnavailableError` while the store, or Redis, does not answer.
    """

    @abstractmethod
    def put(
        self,
        pieces: Iterable[bytes],
        *,
        seconds: int,
        size: int = 0,
        blob_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Blob:
        """Store the bytes of `pieces` for `seconds`; a failure leaves nothing behind.

        A caller that knows the total passes `size`, so that nothing is written in vain. One that
        may have to store the same bytes again passes `blob_id`, which replaces the first copy.
        `headers` are those of a response with the blob (`Content-Type`, `Content-Disposition`): a
        store that serves files itself keeps them. Raises `StoreFullError` if there is no room.
        """

    @abstractmethod
    def open(self, blob: Blob) -> Iterator[bytes] | None:
        """Return the blob in pieces, or None if it has expired.

        The last piece is yielded only after the hash of the whole was checked, so that a damaged
        file is never complete. Raises `StoreFaultError` then, or if the blob goes meanwhile.
        """

    @abstractmethod
    def open_part(self, blob: Blob, *, start: int, stop: int) -> Iterator[bytes] | None:
        """Return bytes `start` to `stop` (exclusive) in pieces, or None if the blob has expired.

        The hash covers the whole blob and is not checked. Raises `StoreFaultError` if the blob goes
        meanwhile.
        """

    @abstractmethod
    def copy(self, blob: Blob, *, seconds: int) -> Blob | None:
        """Store the bytes once more for `seconds`, with an id of its own; None if expired.

        Raises `StoreFullError`, as `put` does.
        """

    @abstractmethod
    def touch(self, blob: Blob, *, seconds: int) -> None:
        """Restart the blob's lifetime, unless it has expired."""

    @abstractmethod
    def delete(self, blob: Blob) -> None:
        """Remove the blob, if it exists: no later call opens it."""

    @abstractmethod
    def url_of(self, blob: Blob, *, seconds: int) -> str | None:
        """Return a URL from which the blob can be fetched for `seconds` without the service.

        None if the store serves no files itself, or is not set up to.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""
