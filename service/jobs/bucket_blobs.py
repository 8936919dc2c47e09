"""Blobs as objects of a bucket. Redis holds only their expiry times: see `expiry_index`.

The id of a blob is the key of its object. A blob that expires or is deleted is inaccessible at
once, because the index is checked first; `sweep` deletes the objects later, many in one request.
The worker's parent process, which ends abandoned jobs, forks other processes and must not call the
bucket: it changes only the index.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property

from service.errors import ServiceError, StoreFaultError
from service.jobs.blobs import BlobStore
from service.jobs.bucket import Bucket
from service.jobs.expiry_index import ExpiryIndex
from service.jobs.stored_image import Blob
from service.settings import Settings

_FOLDER = "blobs"


class BucketBlobStore(BlobStore):
    """Blobs in a bucket, which is opened on first use."""

    def __init__(
        self, *, index: ExpiryIndex, open_bucket: Callable[[], Bucket], redirects: bool
    ) -> None:
        self._index = index
        self._open_bucket = open_bucket
        self._redirects = redirects

    @classmethod
    def from_settings(cls, settings: Settings) -> "BucketBlobStore":
        """Build the store on the bucket that the settings name."""
        return cls(
            index=ExpiryIndex.from_settings(settings),
            open_bucket=lambda: Bucket(settings.bucket),
            redirects=settings.bucket.redirects,
        )

    @cached_property
    def _bucket(self) -> Bucket:
        return self._open_bucket()

    def close(self) -> None:
        """Close the connections."""
        self._index.close()

    def put(
        self,
        pieces: Iterable[bytes],
        *,
        seconds: int,
        size: int = 0,  # noqa: ARG002 - a bucket is never full
        blob_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Blob:
        """Write an object atomically."""
        key = _key(blob_id)
        hashed = _Hashed(pieces)
        self._index.enter(key, seconds=seconds)
        try:
            self._bucket.put(key, hashed, headers=headers)
        except BaseException:
            with suppress(ServiceError):  # otherwise it expires
                self._bucket.delete([key])
                self._index.forget([key])
            raise
        return Blob(id=key, size=hashed.size, sha256=hashed.digest.hexdigest())

    def open(self, blob: Blob) -> Iterator[bytes] | None:
        """Return the object by ranges, or None if it has expired."""
        pieces = self.open_part(blob, start=0, stop=blob.size)
        return None if pieces is None else _verified(pieces, blob)

    def open_part(self, blob: Blob, *, start: int, stop: int) -> Iterator[bytes] | None:
        """Return a part of the object by ranges, or None if it has expired."""
        if not self._index.is_live(blob.id):
            return None
        return self._bucket.read(blob.id, start=start, stop=stop)

    def copy(self, blob: Blob, *, seconds: int) -> Blob | None:
        """Copy the object inside the bucket."""
        if not self._index.is_live(blob.id):
            return None
        key = _key(None)
        self._index.enter(key, seconds=seconds)
        if not self._bucket.copy(blob.id, key):
            self._index.forget([key])
            return None
        return Blob(id=key, size=blob.size, sha256=blob.sha256)

    def touch(self, blob: Blob, *, seconds: int) -> None:
        """Restart the blob's lifetime; this changes only the index."""
        self._index.touch(blob.id, seconds=seconds)

    def delete(self, blob: Blob) -> None:
        """Expire the blob; the next sweep deletes its object."""
        self._index.touch(blob.id, seconds=0)

    def url_of(self, blob: Blob, *, seconds: int) -> str | None:
        """Return a signed URL of the object, if the settings allow redirects to the bucket."""
        if not self._redirects or not self._index.is_live(blob.id):
            return None
        return self._bucket.sign("GET", blob.id, seconds=seconds)

    def sweep(self) -> int:
        """Delete objects that have expired, in one request.

        Several processes may sweep concurrently.

        Returns:
            The number of deleted objects.
        """
        due = self._index.due()
        self._bucket.delete(due)
        self._index.forget(due)
        return len(due)


class _Hashed:
    """Iterates over pieces, and computes the size and hash of their bytes."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.size, self.digest = 0, hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.size += len(piece)
            self.digest.update(piece)
            yield piece


def _verified(pieces: Iterator[bytes], blob: Blob) -> Iterator[bytes]:
    digest, left = hashlib.sha256(), blob.size
    for piece in pieces:
        digest.update(piece)
        left -= len(piece)
        if left <= 0 and digest.hexdigest() != blob.sha256:
            raise StoreFaultError("A stored file is damaged.")
        yield piece


def _key(blob_id: str | None) -> str:
    return f"{_FOLDER}/{blob_id or uuid.uuid4().hex}"
