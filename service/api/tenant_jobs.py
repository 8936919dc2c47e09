"""Operations on a tenant's jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import JobNotFoundError
from service.jobs.blobs import BlobStore
from service.jobs.job import Job, JobStatus, derive_job_id
from service.jobs.store import JobStore
from service.observability.metrics import JobMetrics
from service.schemas.job import JobView


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantJobs:
    """Finds, shows and cancels jobs of a tenant."""

    store: JobStore
    blobs: BlobStore
    metrics: JobMetrics

    def find(self, job_id: str, *, tenant: str) -> Job:
        """Return the tenant's job with this public id.

        Raises:
            JobNotFoundError: if there is none.
        """
        for candidate in (job_id, derive_job_id(tenant, job_id)):
            job = self.store.get(candidate)
            # A job with a client's id must not be found by its internal id.
            if job is not None and job.tenant == tenant and job.public_id == job_id:
                return job
        raise JobNotFoundError(
            "No job has this id, or its record has expired.", actual=job_id[:100]
        )

    def view(self, job: Job) -> JobView:
        """Return the job as the API represents it, with its position in the queue."""
        waits = job.status is JobStatus.QUEUED
        return JobView.of(job, queue_position=self.store.turns.position(job.id) if waits else None)

    def views(self, jobs: Sequence[Job]) -> list[JobView]:
        """Return the `view` of several jobs."""
        waiting = [job.id for job in jobs if job.status is JobStatus.QUEUED]
        found = dict(zip(waiting, self.store.turns.positions(waiting), strict=True))
        return [JobView.of(job, queue_position=found.get(job.id)) for job in jobs]

    def cancel(self, job: Job, *, purge: bool) -> Job:
        """Cancel a job that has not ended; with `purge`, delete the files of a job that has.

        The worker stops a running job and deletes its files.

        Returns:
            The job before this call.
        """
        before = self.store.cancel(job.id, purge=purge) or job
        never_ran = before.status in {JobStatus.QUEUED, JobStatus.CANCELED}
        if before.status is JobStatus.QUEUED:  # the worker counts every other outcome
            self.metrics.count(before.task, JobStatus.CANCELED)
        if never_ran or (purge and before.status.is_terminal):
            for image in before.images:
                self.blobs.delete(image.blob)
        return before
