"""Finds abandoned jobs: jobs whose worker died, and jobs whose turn was lost.

Every worker has a reaper; a lock in Redis lets one of them run at a time.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from service.errors import ServiceError, StoreUnavailableError
from service.jobs.batch_store import BatchStore
from service.jobs.blobs import BlobStore
from service.jobs.job import Job, JobStatus
from service.jobs.queue import JobQueue
from service.jobs.store import JobStore
from service.observability.logs import job_context
from service.settings.jobs import JobSettings
from service.worker.metrics_reporter import JobOutcome, ReportOutcome

logger = logging.getLogger(__name__)

_LOCK_PERIODS = 3


class Reaper:
    """Recovers jobs; every run is independent."""

    def __init__(
        self,
        *,
        owner: str,
        jobs: JobStore,
        batches: BatchStore,
        blobs: BlobStore,
        queue: JobQueue,
        settings: JobSettings,
        report_outcome: ReportOutcome,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._owner = owner
        self._jobs = jobs
        self._batches = batches
        self._blobs = blobs
        self._queue = queue
        self._settings = settings
        self._report_outcome = report_outcome
        self._clock = clock
        self._away = False
        self._reclaims_from = clock()
        self._unused_since: float | None = None

    def run_once(self) -> None:
        """Requeue or end jobs with expired leases, and publish turns that were lost."""
        try:
            self._run_once()
        except StoreUnavailableError:
            self._away = True
        except ServiceError as error:
            logger.exception("reaper run failed: %s", error.code)

    def _run_once(self) -> None:
        lock_seconds = _LOCK_PERIODS * self._settings.reaper_seconds
        is_reaper = self._jobs.hold_reaper(self._owner, seconds=lock_seconds)
        if self._away:
            # No worker could report while Redis was down, so leases are not reclaimed until a full
            # lease time has passed.
            self._away = False
            self._reclaims_from = self._clock() + self._settings.lease_seconds
        if not is_reaper:
            return
        if self._clock() >= self._reclaims_from:
            self._reclaim()
        self._end_batches()
        self.publish(self._jobs.turns.queue_due())
        self._publish_lost()

    def _publish_lost(self) -> None:
        """Publish all turns again if jobs have waited too long while slots were free.

        A free slot consumes any message, so a job that still waits has lost its turn.
        """
        turns = self._jobs.turns.open()
        now = self._clock()
        if not (turns.slots and turns.jobs):
            self._unused_since = None
        elif self._unused_since is None:
            self._unused_since = now
        elif now - self._unused_since >= self._settings.republish_seconds:
            self._unused_since = None
            self.publish(turns.jobs)
            logger.info("published %d turns again that may be lost", turns.jobs)

    def publish(self, turns: int) -> bool:
        """Publish `turns` turns; returns whether the queue accepted all of them."""
        try:
            for _ in range(turns):
                self._queue.publish()
        except ServiceError:  # a later run publishes them
            return False
        return True

    def _end_batches(self) -> None:
        """Shorten the lifetime of the files of batches that have ended."""
        seconds = self._settings.result_seconds + self._settings.download_seconds
        while (batch := self._batches.take_ended()) is not None:
            state = self._batches.state(batch)
            for job in state.jobs:
                if job is None or not state.ended:  # jobs were retried in the meantime
                    continue
                for image in job.images:
                    self._blobs.touch(image.blob, seconds=seconds)

    def _reclaim(self) -> None:
        for job in self._jobs.reclaim_expired():
            with job_context(job.id):
                logger.warning("lease expired in attempt %d: %s", job.attempt, job.status.value)
                if job.status is JobStatus.RUNNING:  # another worker has leased it already
                    continue
                if job.status.is_terminal:
                    self._end(job)
                self.publish(1)  # for this job, or for the one that takes its place

    def _end(self, job: Job) -> None:
        code = job.failure.code if job.failure else ""
        self._report_outcome(
            JobOutcome(task=job.task, state=job.status, priority=job.priority, code=code, stages={})
        )
        for image in job.images:
            if image != job.source or not job.keeps_source:
                with suppress(ServiceError):  # otherwise it expires
                    self._blobs.delete(image.blob)
