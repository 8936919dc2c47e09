"""One attempt at a job: the only module that decides how it ends.

no exception                             succeeded (by the step that stored the result)
canceled by the owner                    canceled
time limit reached                       failed, timeout
worker shuts down, or Triton is down     requeued, not counted; a restored image is stored first
Triton has another version of the model  requeued, not counted, later; then failed, model-mismatch
no disk space for temporary files        requeued, not counted, later; then failed, disk-full
lease lost, or Redis is down             left to the reaper
Redis has no memory for the result        offered again, then failed, store-full
MemoryError                              failed, out-of-memory
a `ServiceError`                         failed, with its code
any other exception                      failed, internal-error
"""

import errno
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import BinaryIO, Self

from hiir.imaging import DiskFull, EncodedPhoto, ImagingError
from service.capacity.throughput import ThroughputStore
from service.errors import (
    DiskFullError,
    InferenceUnavailableError,
    InputExpiredError,
    JobTimeoutError,
    ModelMismatchError,
    OutOfMemoryError,
    ResultTooLargeError,
    ServiceError,
    StoreFullError,
    StoreUnavailableError,
    translate_imaging_error,
)
from service.jobs.blobs import BlobStore
from service.jobs.download import download_headers
from service.jobs.job import Failure, JobStatus, Outcome, Stage
from service.jobs.lease import Lease, LeaseState
from service.jobs.planned_step import PlannedStep
from service.jobs.priority import Priority
from service.jobs.queue import JobQueue
from service.jobs.store import JobStore
from service.jobs.stored_image import StoredImage
from service.limits import MIB
from service.observability.spans import Span
from service.settings import Settings
from service.worker.ended_step import EndedStep, record_throughput
from service.worker.heartbeat import Heartbeat, JobInterruptedError, StopReason
from service.worker.housekeeping import DrainFlag
from service.worker.job_stages import JobStages
from service.worker.metrics_reporter import QUEUE_STAGE, JobOutcome, ReportOutcome
from service.worker.preview_storage import Preview, PreviewStorage
from service.worker.store_retries import StoreRetries

logger = logging.getLogger(__name__)

_STAGE_NAMES = {Stage.QUEUED.value: QUEUE_STAGE}
"""Names of stages in the metrics that differ from those in the job's record."""


class Attempt:
    """Context manager that holds the lease; an exception in its block decides how the job ends."""

    def __init__(
        self,
        *,
        lease: Lease,
        step: Span,
        jobs: JobStore,
        blobs: BlobStore,
        queue: JobQueue,
        throughput: ThroughputStore,
        settings: Settings,
        drain: DrainFlag,
        report_outcome: ReportOutcome,
    ) -> None:
        self._lease = lease
        self._job = lease.job
        self._span = step
        self._jobs = jobs
        self._blobs = blobs
        self._queue = queue
        self._throughput = throughput
        self._report = report_outcome
        self._limits = settings.limits
        self._settings = settings.jobs
        self._heartbeat = Heartbeat(
            jobs=jobs, lease=lease, settings=settings.jobs, should_drain=drain.is_set
        )
        self._store = StoreRetries(settings=settings.jobs, heartbeat=self._heartbeat, drain=drain)
        self.previews = PreviewStorage(lease=lease, jobs=jobs, blobs=blobs, settings=settings.jobs)
        self._stages = JobStages()
        self._steps: list[EndedStep] = []
        self._tiles_before = 0

    def __enter__(self) -> Self:
        source = self._job.source
        logger.info(
            "%s, attempt %d: %s of %dx%d pixels",
            *(self._job.task, self._job.attempt, source.format, source.width, source.height),
        )
        self._heartbeat.start()
        self._stages.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._stages.end(kind, error, traceback)
        try:
            if isinstance(error, Exception):
                self._end(error)
        except ServiceError as unwritten:
            logger.exception(
                "cannot record how the job ended (%s): its lease will expire", unwritten.code
            )
        finally:
            self._heartbeat.end()
        return isinstance(error, Exception)

    def enter(self, stage: Stage) -> None:
        """Start the next stage; raises `JobInterruptedError` if the job must stop."""
        self._stages.enter(stage)
        if stage is Stage.ENCODE:
            self._heartbeat.finish_up()
        self._heartbeat.progress = replace(self._heartbeat.progress, stage=stage)
        self._heartbeat.check()

    def set_tiles(self, steps: Sequence[PlannedStep]) -> None:
        """Record the number of tiles of all steps before the first step starts.

        The columns of the tile grid are recorded for jobs of a single step only.
        """
        self._heartbeat.progress = replace(
            self._heartbeat.progress,
            tiles_total=sum(len(planned.tiles) for planned in steps),
            tile_columns=len(steps[0].tiles.columns) if len(steps) == 1 else 0,
        )

    def report_tiles(self, done: int, _: int) -> None:
        """Record how many tiles of the current step are complete."""
        self._heartbeat.progress = replace(
            self._heartbeat.progress, tiles_done=self._tiles_before + done
        )
        self._heartbeat.check_soon()

    def end_step(self, planned: PlannedStep, parts: Mapping[str, float]) -> None:
        """Record a completed step: its model, and the seconds spent in each of its parts."""
        self._steps.append(EndedStep.of(planned, seconds=sum(parts.values())))
        self._tiles_before += len(planned.tiles)
        self._stages.add(parts)

    def is_stopped(self) -> bool:
        """Return whether the job must stop."""
        return self._heartbeat.reason is not None

    def interrupting(self, interrupt: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `interrupt` from another thread if the job must stop during the block."""
        return self._heartbeat.interrupting(interrupt)

    def fetch_source(self, into: BinaryIO) -> None:
        """Copy the upload into a file; raises `InputExpiredError` or `StoreFaultError`."""

        def fetch() -> None:
            blob = self._job.source.blob
            self._blobs.touch(blob, seconds=self._settings.input_seconds)
            pieces = self._blobs.open(blob)
            if pieces is None:
                raise InputExpiredError("The uploaded file expired before the job started.")
            into.seek(0)
            into.truncate()
            into.writelines(pieces)
            into.flush()

        self._store.retry(fetch, stoppable=True)

    def succeed(
        self,
        content: BinaryIO,
        *,
        photo: EncodedPhoto,
        width: int,
        height: int,
        preview: Preview | None,
    ) -> None:
        """Store the result and end the job; both are retried while Redis is down or full.

        The encoded result is kept during the retries. Raises `ResultTooLargeError` above the limit,
        `StoreFullError` after `store_full_seconds`, and `JobInterruptedError` if the lease was lost
        or the owner canceled the job.
        """
        size = content.seek(0, os.SEEK_END)
        if size > self._limits.result_bytes:
            raise ResultTooLargeError(
                f"The restored file has {size} bytes.",
                limit=self._limits.result_bytes,
                actual=size,
            )

        def hand_over() -> LeaseState:
            # Both steps on each retry: the first blob may be lost. It keeps its id, so there is no
            # copy.
            content.seek(0)
            blob = self._blobs.put(
                iter(partial(content.read, MIB), b""),
                seconds=self._result_seconds,
                size=size,
                blob_id=self._lease.token,
                headers=download_headers(self._job, photo.format),
            )
            shown = self.previews.store_of_result(preview, seconds=self._result_seconds)
            self._stages.close()
            result = StoredImage(
                blob=blob,
                format=photo.format.value,
                media_type=photo.format.media_type,
                extension=photo.format.extension,
                width=width,
                height=height,
            )
            outcome = Outcome(
                status=JobStatus.SUCCEEDED,
                timings=self._stages.seconds,
                progress=self._heartbeat.progress,
                result=result,
                preview=shown,
                warnings=photo.notes,
                steps=tuple(ended.step for ended in self._steps),
            )
            state = self._jobs.finish(self._lease, outcome)
            if state is not LeaseState.HELD:
                for stored in filter(None, (result, shown)):
                    self._blobs.delete(stored.blob)
            return state

        match self._store.offer(hand_over):
            case LeaseState.LOST:
                raise JobInterruptedError(StopReason.LEASE_LOST)
            case LeaseState.STOP:
                raise JobInterruptedError(StopReason.CANCELED)
            case LeaseState.HELD:
                logger.info("succeeded, %d bytes, %s", size, self._stages.seconds)
                self._release_source(JobStatus.SUCCEEDED)
                self._publish_batch_turn()
                with suppress(ServiceError):  # an estimate: the next job updates it
                    record_throughput(
                        self._throughput,
                        self._steps,
                        source=self._job.source,
                        written_format=photo.format.value,
                        written_pixels=width * height,
                        timings=self._stages.seconds,
                    )
                self._report_outcome(JobStatus.SUCCEEDED)

    def _report_outcome(self, status: JobStatus, code: str = "") -> None:
        job = self._job
        stages = {
            name: spent for name, spent in self._stages.seconds.items() if name != Stage.RESTORE
        }
        if job.attempt == 1 and job.started_at is not None:
            stages[Stage.QUEUED] = max(job.started_at - job.created_at, 0.0)
        succeeded = status is JobStatus.SUCCEEDED
        self._span.set({"hiir.status": status.value})
        if status is JobStatus.FAILED:
            self._span.fail(code)
        self._report(
            JobOutcome(
                task=job.task,
                state=status,
                priority=job.priority,
                code=code,
                stages={_STAGE_NAMES.get(name, name): spent for name, spent in stages.items()},
                pixels=job.pixels if succeeded else 0,
            )
        )

    def _end(self, error: Exception) -> None:
        reason = error.reason if isinstance(error, JobInterruptedError) else self._heartbeat.reason
        if reason is StopReason.TIMED_OUT and isinstance(error, StoreFullError):
            reason = None  # the time limit was reached while waiting for memory
        match reason:
            case StopReason.LEASE_LOST:
                logger.warning("lease lost: the result of this attempt is discarded")
            case StopReason.CANCELED:
                self._finish(JobStatus.CANCELED)
            case StopReason.TIMED_OUT:
                limit = self._settings.soft_time_limit
                self._fail(
                    JobTimeoutError(f"The job exceeded the limit of {limit} seconds.", limit=limit)
                )
            case StopReason.DRAINED:
                self._requeue()
            case None:
                self._end_by_error(error)

    def _end_by_error(self, error: Exception) -> None:
        match error:
            case StoreUnavailableError():
                logger.error("the job store stayed unavailable: the lease will expire")
            case InferenceUnavailableError() if self._may_wait(self._settings.input_seconds):
                logger.warning("Triton stayed unavailable: requeuing the job")
                self._requeue()
            case ModelMismatchError() if self._may_wait(self._settings.model_wait_seconds):
                logger.warning("the model differs: requeuing the job for later: %s", error.detail)
                self._requeue(later=True)
            case DiskFull() | OSError(errno=errno.ENOSPC | errno.EDQUOT):
                self._end_without_disk()
            case ImagingError():
                self._fail(translate_imaging_error(error))
            case ServiceError():
                self._fail(error)
            case MemoryError():
                self._fail(OutOfMemoryError("The worker ran out of memory for this image."))
            case _:
                logger.error("internal error", exc_info=error)
                self._fail(ServiceError("The job failed because of an internal error."))

    def _end_without_disk(self) -> None:
        """Requeue the job with a delay, so that it is not retried in a tight loop."""
        if self._may_wait(self._settings.store_full_seconds):
            logger.warning("no disk space left: requeuing the job for later")
            self._requeue(later=True)
        else:
            self._fail(DiskFullError("There is no disk space left for temporary files."))

    def _may_wait(self, seconds: float) -> bool:
        """Return whether fewer than `seconds` have passed since the first attempt began."""
        begun = self._job.started_at or self._job.created_at
        return self._jobs.now() < begun + seconds

    def _fail(self, error: ServiceError) -> None:
        logger.warning("failed: %s %s", error.code, error.detail, exc_info=error.__cause__)
        self._finish(JobStatus.FAILED, Failure.from_error(error))

    def _finish(self, status: JobStatus, failure: Failure | None = None) -> None:
        self._stages.close()
        outcome = Outcome(status=status, timings=self._stages.seconds, failure=failure)
        if self._store.retry(lambda: self._jobs.finish(self._lease, outcome)) is LeaseState.HELD:
            logger.info("ended: %s", status.value)
            self.previews.delete()
            if status is JobStatus.FAILED and self._job.batch_id is not None:
                self._keep_source()
            else:
                self._release_source(status)
            self._publish_batch_turn()
            self._report_outcome(status, failure.code if failure else "")

    def _requeue(self, *, later: bool = False) -> None:
        match self._store.retry(lambda: self._jobs.requeue(self._lease, later=later)):
            case LeaseState.STOP:
                self._finish(JobStatus.CANCELED)
            case LeaseState.HELD:
                logger.info("requeued")
                self._span.set({"hiir.status": "requeued"})
                if later:
                    self._publish_batch_turn()
                    return
                with suppress(ServiceError):  # otherwise the reaper publishes it
                    self._queue.publish()
            case LeaseState.LOST:
                logger.warning("the lease was lost before the job could be requeued")

    def _release_source(self, status: JobStatus) -> None:
        """Delete the upload, unless a failover may still restore the job's earlier state."""
        try:
            if not self._jobs.confirm_end(self._lease, status):
                self._keep_source()
                return
            self._blobs.delete(self._job.source.blob)
        except ServiceError as error:
            logger.warning("the upload is kept until it expires: %s", error.code)

    @property
    def _result_seconds(self) -> int:
        lifetime = self._settings.result_lifetime(of_batch=self._job.batch_id is not None)
        return lifetime + self._settings.download_seconds

    def _publish_batch_turn(self) -> None:
        """Publish a turn for the next batch job, which takes this job's place.

        Turns of batch jobs are dropped while the maximum number runs; interactive ones never are.
        """
        if self._job.priority is Priority.BATCH:
            with suppress(ServiceError):  # otherwise the reaper publishes it
                if self._jobs.turns.open().batch:
                    self._queue.publish()

    def _keep_source(self) -> None:
        with suppress(ServiceError):  # otherwise it expires like a queued job's
            self._blobs.touch(self._job.source.blob, seconds=self._result_seconds)
