"""Deletes the objects of expired blobs from the bucket, in a thread of the API.

Every API process has one; concurrent sweeps are harmless. Workers cannot sweep: see
`service.jobs.bucket_blobs`.
"""

import logging
import threading

from service.errors import ServiceError
from service.jobs.blobs import BlobStore
from service.jobs.bucket_blobs import BucketBlobStore

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 2.0


class BlobSweeper:
    """Sweeps a bucket at an interval; does nothing for Redis, which removes expired keys itself."""

    def __init__(self, blobs: BlobStore, *, seconds: float) -> None:
        self._bucket = blobs if isinstance(blobs, BucketBlobStore) else None
        self._seconds = seconds
        self._closed = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="blob-sweeper", daemon=True)

    def start(self) -> None:
        """Start sweeping."""
        if self._bucket is not None:
            self._thread.start()

    def close(self) -> None:
        """Stop, and wait for a request in progress, but not for a bucket that does not answer."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            while self._bucket and self._sweep(self._bucket) and not self._closed.is_set():
                pass

    def _sweep(self, bucket: BucketBlobStore) -> int:
        try:
            deleted = bucket.sweep()
        except ServiceError as error:  # the next sweep deletes these objects
            if not self._failing:
                logger.warning("cannot delete expired objects: %s", error.detail, exc_info=error)
            self._failing = True
            return 0
        self._failing = False
        return deleted
