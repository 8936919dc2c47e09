"""Stores previews of a job's upload and result in the blob store.

A missing preview never fails a job: if there is no memory for one, or Redis is down, the job has no
preview.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from hiir.imaging import ImageFormat
from service.errors import ServiceError, StoreFullError
from service.jobs.blobs import BlobStore
from service.jobs.lease import Lease, LeaseState
from service.jobs.store import JobStore
from service.jobs.stored_image import StoredImage
from service.limits import MIB
from service.settings.jobs import JobSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A preview to store: a WebP file of `width` by `height` pixels."""

    content: BinaryIO
    width: int
    height: int


class PreviewStorage:
    """Stores and deletes the previews of one attempt."""

    def __init__(
        self, *, lease: Lease, jobs: JobStore, blobs: BlobStore, settings: JobSettings
    ) -> None:
        self._lease = lease
        self._jobs = jobs
        self._blobs = blobs
        self._settings = settings
        self._of_source = lease.job.source_preview

    def store_of_source(self, preview: Preview) -> None:
        """Store the preview of the upload, and delete the preview of an earlier attempt."""
        before = self._of_source
        with suppress(ServiceError):
            stored = self._put(preview, "source", seconds=self._settings.input_seconds)
            self._of_source = stored
            if self._jobs.attach_source_preview(self._lease, stored) is LeaseState.LOST:
                self._blobs.delete(stored.blob)
            elif before is not None:
                self._blobs.delete(before.blob)

    def store_of_result(self, preview: Preview | None, *, seconds: int) -> StoredImage | None:
        """Store the preview of the result, and also keep the upload's preview for `seconds`.

        Raises:
            StoreUnavailableError: if Redis does not answer; the caller then repeats the whole step.
        """
        stored = None
        with suppress(StoreFullError):  # the result has priority over its preview
            if preview is not None:
                stored = self._put(preview, "result", seconds=seconds)
            if self._of_source is not None:
                self._blobs.touch(self._of_source.blob, seconds=seconds)
        return stored

    def delete(self) -> None:
        """Delete the preview of the upload; if that fails, the preview expires."""
        if self._of_source is not None:
            with suppress(ServiceError):
                self._blobs.delete(self._of_source.blob)

    def _put(self, preview: Preview, name: str, *, seconds: int) -> StoredImage:
        size = preview.content.seek(0, os.SEEK_END)
        preview.content.seek(0)
        blob = self._blobs.put(
            iter(partial(preview.content.read, MIB), b""),
            seconds=seconds,
            size=size,
            blob_id=f"{self._lease.token}-{name}",
        )
        return StoredImage(
            blob=blob,
            format=ImageFormat.WEBP.value,
            media_type=ImageFormat.WEBP.media_type,
            extension=ImageFormat.WEBP.extension,
            width=preview.width,
            height=preview.height,
        )
