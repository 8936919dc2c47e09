"""Turn an upload into a queued job: everything is proved before anything is stored.

A 202 is a promise, so the image is decoded once here: a file whose end is missing is refused while
its sender still listens, instead of failing in the queue. Stored are first the blob, then the
record, then the message; each step that fails takes back the ones before it. If Redis goes away so
that even this fails, the blob ends with its lifetime, and a record without a message is found by
the reaper: the job is done, and only nobody asks for it.
"""

import contextlib
import logging
import time
from threading import BoundedSemaphore

from hiir.imaging import (
    ImageHeader,
    ImagingError,
    ModelContract,
    check_header,
    decode,
    probe,
)
from service.blob_store import BlobStore
from service.errors import (
    QueueFull,
    ResultTooLarge,
    ServiceError,
    StoreUnavailable,
    translate_imaging_error,
)
from service.job_store import JobStore
from service.jobs import Blob, Job, StoredImage, Webhook
from service.limits import Limits
from service.queue import JobQueue
from service.settings import JobSettings
from service.tasks import TaskRequest
from service.telemetry import current_request_id, current_trace, job_context
from service.uploads import Upload

logger = logging.getLogger(__name__)


class Intake:
    """Accepts jobs; used by many threads at once."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        blobs: BlobStore,
        queue: JobQueue,
        limits: Limits,
        lifetimes: JobSettings,
    ) -> None:
        self._jobs = jobs
        self._blobs = blobs
        self._queue = queue
        self._limits = limits
        self._lifetimes = lifetimes
        self._checks = BoundedSemaphore(limits.concurrent_checks)

    def require_room(self) -> None:
        """Raise `QueueFull` or `StoreUnavailable` if there is none, before a body is read."""
        depth = self._jobs.queue_depth()
        if depth >= self._limits.queue_depth:
            raise QueueFull(
                "Too many jobs are waiting.", limit=self._limits.queue_depth, actual=depth
            )
        percent = self._jobs.memory_percent()
        if percent >= self._limits.store_percent:
            raise StoreUnavailable(
                "The job store is nearly full.", limit=self._limits.store_percent, actual=percent
            )

    def accept(
        self,
        upload: Upload,
        request: TaskRequest,
        *,
        job_id: str,
        tenant: str,
        client_id: str | None = None,
        fingerprint: str | None = None,
        webhook: Webhook | None = None,
    ) -> Job:
        """Check the image, store it, queue the job; nothing remains if any of it fails.

        A job that has this id already is given back as it is: its submission was made before.
        Raises `ImageRefused`, `NoModelForImage`, `ResultTooLarge`, `StoreUnavailable` or
        `QueueUnavailable`.
        """
        header, model = self._check(upload, request)
        blob = self._blobs.put(upload.pieces(), seconds=self._lifetimes.input_seconds)
        now = time.time()
        trace = current_trace()
        job = Job(
            id=job_id,
            tenant=tenant,
            client_id=client_id,
            fingerprint=fingerprint,
            webhook=webhook,
            request_id=current_request_id(),
            traceparent=trace.traceparent if trace else None,
            tracestate=(trace.tracestate or None) if trace else None,
            task=request.task.name,
            parameters=request.parameters,
            model=model.name,
            model_version=model.version,
            model_sha256=model.sha256,
            filename=upload.filename,
            source=StoredImage(
                blob=blob,
                format=header.format.value,
                media_type=header.format.media_type,
                extension=header.format.extension,
                width=header.width,
                height=header.height,
            ),
            created_at=now,
            expires_at=now + self._lifetimes.record_seconds,
        )
        try:
            made = self._jobs.create(job)
            if made:
                self._queue.publish(job.id)
        except ServiceError:
            self._take_back(job, blob)
            raise
        if not made:
            return self._made_before(job, blob)
        with job_context(job.id):
            logger.info("accepted %s, %s %s bytes", job.task, header.format.value, blob.size)
        return job

    def _check(self, upload: Upload, request: TaskRequest) -> tuple[ImageHeader, ModelContract]:
        try:
            header = probe(upload.file)
            check_header(header, self._limits.image_limits())
            self._check_result_size(header, request.scale)
            with self._checks:
                gray = decode(upload.file, self._limits.image_limits()).gray
        except ImagingError as error:
            raise translate_imaging_error(error) from error
        return header, request.choose_model(gray=gray)

    def _check_result_size(self, header: ImageHeader, scale: int) -> None:
        pixels = header.pixels * scale**2
        if pixels > self._limits.output_pixels:
            raise ResultTooLarge(
                f"The result would have {pixels} pixels.",
                limit=self._limits.output_pixels,
                actual=pixels,
            )

    def _made_before(self, job: Job, blob: Blob) -> Job:
        with contextlib.suppress(ServiceError):
            self._blobs.delete(blob)
        return self._jobs.get(job.id) or job

    def _take_back(self, job: Job, blob: Blob) -> None:
        with contextlib.suppress(ServiceError):
            self._jobs.discard(job)
        with contextlib.suppress(ServiceError):
            self._blobs.delete(blob)
