"""Operations on a tenant's batches."""

from dataclasses import dataclass, replace

from service.errors import BatchNotFoundError
from service.intake.accept import JobSubmitter
from service.jobs.batch import Batch, BatchState, is_retriable, retried_job_id
from service.jobs.batch_store import BatchStore
from service.jobs.store import JobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantBatches:
    """Finds batches of a tenant, and retries their failed jobs."""

    store: BatchStore
    jobs: JobStore
    submitter: JobSubmitter

    def find(self, batch_id: str, *, tenant: str) -> Batch:
        """Return the tenant's batch; raises `BatchNotFoundError`."""
        batch = self.store.get(batch_id)
        if batch is None or batch.tenant != tenant:
            raise BatchNotFoundError(
                "No batch has this id, or its record has expired.", actual=batch_id[:100]
            )
        return batch

    def state(self, batch: Batch) -> BatchState:
        """Return the batch with the current state of its jobs."""
        found = iter(self.jobs.get_all(batch.job_ids()))
        jobs = tuple(next(found) if item.job_id is not None else None for item in batch.items)
        return BatchState(batch=batch, jobs=jobs)

    def retry_failed(self, batch: Batch) -> tuple[BatchState, int]:
        """Queue the batch's failed jobs again; returns its state then and how many were queued."""
        items = list(batch.items)
        queued = 0
        for index, job in enumerate(self.state(batch).jobs):
            if job is None or not is_retriable(job):
                continue
            repeated = self.submitter.repeat(job, job_id=retried_job_id(job))
            if repeated is not None:
                items[index] = replace(items[index], job_id=repeated.id)
                queued += 1
        if queued:
            batch = replace(batch, items=tuple(items))
            self.store.put(batch)
        return self.state(batch), queued
