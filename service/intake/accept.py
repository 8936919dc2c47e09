"""Turns a valid upload into a queued job.

The image is decoded once before the API answers 202: a truncated file is rejected while the client
still waits, instead of failing in the queue. The blob is stored first, then the record, and then
the message is published; a step that fails rolls back the earlier ones. If Redis is down and the
rollback also fails, the blob expires, and the reaper finds a record without a message: the job runs
although the client was sent an error.
"""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from hiir.imaging import ImagingError, PhotoAnalysis, PhotoInfo, PhotoOptions
from service.capacity.backlog import BacklogMonitor, clamp_retry_after
from service.capacity.quotas import QuotaStatus, QuotaStore
from service.catalogue.restoration import Restoration
from service.catalogue.tasks import AUTO
from service.errors import (
    QueueFullError,
    ServiceError,
    StoreFullError,
    TooManyJobsError,
    UploadExpiredError,
    WaitTooLongError,
    translate_imaging_error,
)
from service.intake.check import UploadCheck
from service.intake.codec_pool import CodecPool
from service.intake.job_request import JobRequest
from service.intake.prediction import predict
from service.intake.receive import Upload
from service.intake.result_cache import ResultCache, ended_job, unstored
from service.jobs.batch import Batch, BatchState
from service.jobs.batch_store import BatchStore
from service.jobs.blobs import BlobStore
from service.jobs.creation import Creation
from service.jobs.dry_run import DryRun
from service.jobs.job import Job, JobStatus
from service.jobs.priority import Priority
from service.jobs.queue import JobQueue
from service.jobs.store import JobStore
from service.jobs.stored_image import Blob
from service.jobs.unchanged import notes_without_steps
from service.limits import Limits
from service.observability.logs import current_request_id, current_trace, job_context
from service.observability.metrics import JobMetrics
from service.settings.jobs import JobSettings

logger = logging.getLogger(__name__)


class JobSubmitter:
    """Accepts jobs; thread-safe."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        batches: BatchStore,
        blobs: BlobStore,
        queue: JobQueue,
        quotas: QuotaStore,
        backlog: BacklogMonitor,
        metrics: JobMetrics,
        limits: Limits,
        lifetimes: JobSettings,
        cache: ResultCache,
    ) -> None:
        self._jobs = jobs
        self._batches = batches
        self._blobs = blobs
        self._queue = queue
        self._quotas = quotas
        self._backlog = backlog
        self._metrics = metrics
        self._limits = limits
        self._lifetimes = lifetimes
        self.cache = cache
        self._codecs = CodecPool(limits)

    def close(self) -> None:
        """End the codec processes."""
        self._codecs.close()

    def require_capacity(
        self, *, tenant: str, priority: Priority = Priority.INTERACTIVE, new_bytes: int = 0
    ) -> None:
        """Check that the service can accept a job, or a batch whose files have `new_bytes`.

        Raises:
            QueueFullError: if the queue of this priority is full.
            WaitTooLongError: if the predicted wait exceeds the limit.
            StoreFullError: if there is no memory for the files or the result.
            StoreUnavailableError: if Redis does not answer.
        """
        limits = self._limits
        depth, backlog = self._jobs.turns.depth(priority), self._backlog.snapshot()
        if depth >= limits.queue_depth:
            raise QueueFullError(
                f"The queue of {priority} jobs is full.",
                limit=limits.queue_depth,
                actual=depth,
                retry_after=backlog.retry_after(depth - limits.queue_depth + 1, priority=priority),
            )
        share = self._jobs.turns.share_ahead(tenant, priority)
        wait = backlog.wait_seconds(priority, share=share)
        if wait is not None and wait > limits.predicted_wait_seconds:
            raise WaitTooLongError(
                f"A new {priority} job would wait about {wait:.0f} seconds.",
                limit=limits.predicted_wait_seconds,
                actual=int(wait),
                retry_after=clamp_retry_after(wait - limits.predicted_wait_seconds),
            )
        percent = self._jobs.committed_percent(new_bytes=new_bytes)
        if percent >= limits.store_percent:
            raise self._store_full(percent)

    def _store_full(self, percent: int) -> StoreFullError:
        most = self._limits.store_percent
        # Results expire evenly over their lifetime: the wait lasts until those over the limit have
        # expired.
        beyond = max(percent - most, 0) + 1
        return StoreFullError(
            f"The job store is nearly full: {percent} % of its memory is in use or reserved.",
            limit=most,
            actual=percent,
            retry_after=clamp_retry_after(beyond / 100 * self._lifetimes.result_seconds),
        )

    def too_many_jobs(self, quota: QuotaStatus) -> TooManyJobsError:
        """Return the error for a job over the tenant's limit, with the time of the next attempt."""
        backlog = self._backlog.snapshot()
        share = backlog.load.open_jobs / max(quota.open_jobs, 1)
        return quota.too_many_jobs(pause=backlog.retry_after(share))

    def require_batch_places(self, tenant: str) -> None:
        """Check the number of the tenant's batch jobs that are already waiting.

        Raises:
            TooManyJobsError: if it has reached the limit.
        """
        held, most = self._jobs.held(tenant), self._quotas.limits.held_batch_jobs
        if held >= most:
            raise TooManyJobsError(
                f"{held} jobs of earlier batches wait for their turn.",
                limit=most,
                actual=held,
                retry_after=self._backlog.snapshot().retry_after(1),
            )

    def accept(self, upload: Upload, request: JobRequest) -> Job:
        """Validate the image, store it and queue the job; a failure leaves nothing behind.

        A job whose result is cached has ended when this returns. If a job with this id exists, it
        is returned unchanged.

        Raises:
            TooManyJobsError: if the tenant has the maximum number of jobs that have not ended.
            QuotaExceededError: if the tenant's quota is used up.
            QueueUnavailableError: if the job cannot be published.
            ServiceError: the errors of `prepare`.
        """
        return self._enqueue(self.prepare(upload, request))

    def analyze(self, upload: Upload, options: PhotoOptions) -> tuple[PhotoInfo, PhotoAnalysis]:
        """Validate and measure a photo; nothing is stored.

        Raises:
            ImageError: if the file is not a valid image, and the other errors of a file (see
                `service.errors`).
        """
        with self._checking(Restoration(name=AUTO, steps=())) as check:
            return check.analyze(upload, options)

    def dry_run(self, upload: Upload, request: JobRequest) -> DryRun:
        """Validate the image as `accept` does, and predict its result; nothing is stored.

        Raises:
            ServiceError: the errors of `UploadCheck`.
            StoreUnavailableError: if Redis does not answer.
        """
        with self._checking(request.restoration) as check:
            checked = check.run(upload, request.options, request.formats)
            notes = check.codec.notes_on_result(checked.photo, checked.options)
        if not checked.steps:
            notes = notes_without_steps(checked.photo, checked.options, notes)
        return predict(
            request.restoration,
            checked,
            self._backlog.snapshot(),
            priority=request.priority,
            notes=notes,
            is_cached=self.cache.has(upload, request),
        )

    def prepare(self, upload: Upload, request: JobRequest) -> Job:
        """Validate the image and store it, or copy a cached result; the job is not created yet.

        Raises:
            ImageError: if the file is not a valid image, and the other errors of `UploadCheck`.
            StoreFullError: if there is no room for the file.
            StoreUnavailableError: if the store does not answer.
        """
        lifetime = self._lifetimes.result_lifetime(of_batch=request.batch_id is not None)
        key, cached = self.cache.take(
            upload, request, seconds=lifetime + self._lifetimes.download_seconds
        )
        options = request.options
        if cached is None:
            with self._checking(request.restoration) as check:
                checked = check.run(upload, options, request.formats)
            source, options = checked.stored(self._store(upload)), checked.options
            steps = tuple(planned.step for planned in checked.steps)
            pixels, estimate = checked.restored_pixels, checked.result_estimate
        else:  # this file was checked by an earlier job
            source, options = unstored(cached.origin.source), cached.origin.options
            steps, pixels, estimate = cached.origin.steps, 0, 0
        now = self._jobs.now()
        trace = current_trace()
        job = Job(
            id=request.job_id,
            tenant=request.tenant,
            priority=request.priority,
            client_id=request.client_id,
            fingerprint=request.fingerprint,
            webhook=request.webhook,
            client_metadata=request.client_metadata,
            batch_id=request.batch_id,
            request_id=current_request_id(),
            traceparent=trace.traceparent if trace else None,
            tracestate=(trace.tracestate or None) if trace else None,
            task=request.restoration.name,
            steps=steps,
            filename=upload.filename,
            source=source,
            options=options,
            restored_pixels=pixels,
            result_estimate=estimate,
            cache_key=key,
            created_at=now,
            expires_at=now + self._lifetimes.record_seconds,
        )
        return job if cached is None else ended_job(job, cached, result_seconds=lifetime)

    def _store(self, upload: Upload) -> Blob:
        seconds = self._lifetimes.input_seconds
        if upload.stored is None:
            return self._blobs.put(upload.pieces(), seconds=seconds, size=upload.size)
        blob = self._blobs.copy(upload.stored, seconds=seconds)
        if blob is None:
            raise UploadExpiredError("The upload expired while it was checked.")
        return blob

    def create_batch(self, batch: Batch, jobs: Sequence[Job]) -> BatchState:
        """Create a batch with its prepared jobs in one transaction, and publish them.

        Returns:
            The state before any of the jobs runs.

        Raises:
            StoreUnavailableError: if Redis does not answer; the caller then discards the jobs.
            StoreFullError: if there is no room for the batch; the caller then discards the jobs.
        """
        self._batches.create(batch, jobs)
        try:
            state = self._batches.state(batch)
            for job in jobs:  # some jobs may be held for longer than a single job waits
                self._blobs.touch(job.source.blob, seconds=self._lifetimes.batch_seconds)
        finally:
            self._publish_batch()
        for made in state.jobs:
            if made is None:
                continue
            self._metrics.count(made.task, JobStatus.QUEUED)
            if made.failure is not None:  # the quota or the memory does not suffice
                self._metrics.count(made.task, made.status, made.failure.code)
            elif made.cached:
                self._metrics.count(made.task, made.status)
        return state

    def discard(self, jobs: Iterable[Job]) -> None:
        """Delete the files of prepared jobs that were not created."""
        for job in jobs:
            for image in job.images:
                with contextlib.suppress(ServiceError):  # otherwise it expires
                    self._blobs.delete(image.blob)

    def _publish_batch(self) -> None:
        """Publish as many turns as batch jobs may run; each job that ends publishes another."""
        with contextlib.suppress(ServiceError):  # otherwise the reaper publishes them
            for _ in range(self._jobs.turns.open().batch):
                self._queue.publish()

    def repeat(self, job: Job, *, job_id: str) -> Job | None:
        """Queue a failed job of a batch again as a new job.

        If a job with `job_id` exists, it is returned unchanged.

        Returns:
            The new job; None if its upload has expired.

        Raises:
            StoreUnavailableError: if the store does not answer.
            QueueUnavailableError: if the job cannot be published.
        """
        # The upload is copied, because each job deletes its own.
        blob = self._blobs.copy(job.source.blob, seconds=self._lifetimes.input_seconds)
        if blob is None:
            return self._jobs.get(job_id)
        now = self._jobs.now()
        again = Job(
            id=job_id,
            tenant=job.tenant,
            priority=job.priority,
            client_metadata=job.client_metadata,
            webhook=job.webhook,
            batch_id=job.batch_id,
            request_id=current_request_id(),
            traceparent=job.traceparent,
            tracestate=job.tracestate,
            task=job.task,
            steps=job.steps,
            filename=job.filename,
            source=replace(job.source, blob=blob),
            options=job.options,
            restored_pixels=job.restored_pixels,
            result_estimate=job.result_estimate,
            cache_key=job.cache_key,
            created_at=now,
            expires_at=now + self._lifetimes.record_seconds,
        )
        try:
            made = self._jobs.create(again)
        except ServiceError:
            self.discard([again])
            raise
        if made is Creation.TAKEN:
            return self._existing_job(again)
        self._publish_batch()
        self._metrics.count(again.task, JobStatus.QUEUED)
        self.discard([job])
        return self._jobs.get(job_id) or again

    def _enqueue(self, job: Job) -> Job:
        """Create and publish a job whose files are stored; an error rolls everything back."""
        try:
            made = self._jobs.create(job)
            if made is Creation.MADE:
                if not job.cached:
                    self._queue.publish()
            elif made is not Creation.TAKEN:
                raise self._refusal(job, made)
        except ServiceError:
            self._roll_back(job)
            raise
        if made is Creation.TAKEN:
            return self._existing_job(job)
        self._metrics.count(job.task, JobStatus.QUEUED)
        if job.cached:
            self._metrics.count(job.task, job.status)
        with job_context(job.id):
            logger.info(
                "%s %s, %s %s bytes",
                *("cached" if job.cached else "accepted", job.task),
                *(job.source.format, job.source.blob.size),
            )
        return job

    @contextlib.contextmanager
    def _checking(self, request: Restoration) -> Iterator[UploadCheck]:
        try:
            with self._codecs.take() as codec:
                yield UploadCheck(codec=codec, limits=self._limits, request=request)
        except ImagingError as error:
            raise translate_imaging_error(error) from error

    def _refusal(self, job: Job, made: Creation) -> ServiceError:
        if made is Creation.STORE_FULL:
            return self._store_full(self._jobs.committed_percent())
        quota = self._quotas.snapshot(job.tenant)
        if made is Creation.TOO_MANY:
            return self.too_many_jobs(quota)
        return quota.quota_exceeded(pixels=job.pixels)

    def _existing_job(self, job: Job) -> Job:
        self.discard([job])
        return self._jobs.get(job.id) or job

    def _roll_back(self, job: Job) -> None:
        try:
            self._jobs.discard(job)
        except ServiceError:
            return  # the job may exist, and would need its files
        self.discard([job])
