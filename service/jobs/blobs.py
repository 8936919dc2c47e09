"""The interface of blob stores, which keep uploads, results and previews until they expire.

Records of jobs refer to blobs by id, size and hash. `blob_stores` opens the store that the settings
select: Redis or a bucket.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping

from service.jobs.stored_image import Blob


class BlobStore(ABC):
    """Blobs by id; thread-safe.

    Every method raises `StoreUnavailableError` if the store or Redis does not answer.
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

        Args:
            pieces: the content.
            seconds: the lifetime.
            size: total size in bytes, if it is known: a blob for which there is no room is then
                refused before anything is written.
            blob_id: the id, for a caller that may have to store the same bytes again: the new copy
                replaces the first one.
            headers: headers of a response with the blob (`Content-Type`, `Content-Disposition`),
                for stores that serve files themselves.

        Raises:
            StoreFullError: if there is no room.
        """

    @abstractmethod
    def open(self, blob: Blob) -> Iterator[bytes] | None:
        """Return the blob in pieces, or None if it has expired.

        The last piece is yielded only after the hash of the whole blob was verified, so that a
        damaged file is never delivered completely.

        Raises:
            StoreFaultError: if the hash differs, or the blob disappears while it is read.
        """

    @abstractmethod
    def open_part(self, blob: Blob, *, start: int, stop: int) -> Iterator[bytes] | None:
        """Return bytes `start` to `stop` (exclusive) in pieces, or None if the blob has expired.

        The hash covers the whole blob, and is not verified.

        Raises:
            StoreFaultError: if the blob disappears while it is read.
        """

    @abstractmethod
    def copy(self, blob: Blob, *, seconds: int) -> Blob | None:
        """Copy the blob under a new id for `seconds`; returns None if it has expired.

        Raises:
            StoreFullError: if there is no room.
        """

    @abstractmethod
    def touch(self, blob: Blob, *, seconds: int) -> None:
        """Restart the blob's lifetime, unless it has expired."""

    @abstractmethod
    def delete(self, blob: Blob) -> None:
        """Remove the blob if it exists; no later call can open it."""

    @abstractmethod
    def url_of(self, blob: Blob, *, seconds: int) -> str | None:
        """Return a URL from which clients can fetch the blob for `seconds` without the service.

        Returns:
            The URL; None if the store cannot serve files, or is not configured to.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""
