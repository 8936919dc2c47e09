"""Operations on a tenant's batches."""

from dataclasses import dataclass, replace

from service.errors import BatchNotFoundError, SubmissionInProgressError
from service.intake.accept import JobSubmitter
from service.jobs.batch import Batch, BatchState, derive_batch_id, is_retriable, retried_job_id
from service.jobs.batch_store import BatchStore
from service.jobs.blobs import BlobStore

_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantBatches:
    """Finds batches of a tenant, and retries their failed jobs."""

    store: BatchStore
    submitter: JobSubmitter
    blobs: BlobStore

    def find(self, batch_id: str, *, tenant: str) -> Batch:
        """Return the tenant's batch with this public id.

        Raises:
            BatchNotFoundError: if there is none.
        """
        for candidate in (batch_id, derive_batch_id(tenant, batch_id)):
            batch = self.store.get(candidate)
            if batch is not None and batch.tenant == tenant and batch.public_id == batch_id:
                return batch
        raise BatchNotFoundError(
            "No batch has this id, or its record has expired.", actual=batch_id[:100]
        )

    def state(self, batch: Batch) -> BatchState:
        """Return the batch with the current state of its jobs."""
        return self.store.state(batch)

    def retry_failed(self, batch: Batch) -> tuple[BatchState, int]:
        """Queue the batch's failed jobs again.

        Concurrent requests queue each job only once: the id of the new job is derived from the old
        one, and the batch is replaced only if it has not changed in the meantime.

        Returns:
            The batch's new state, and the number of jobs that were queued.
        """
        for _ in range(_TRIES):
            items = list(batch.items)
            queued = 0
            state = self.state(batch)
            for index, job in enumerate(state.jobs):
                if job is None or not is_retriable(job):
                    continue
                repeated = self.submitter.repeat(job, job_id=retried_job_id(job))
                if repeated is not None:
                    items[index] = replace(items[index], job_id=repeated.id)
                    queued += 1
            if not queued:
                return state, 0
            after = replace(batch, items=tuple(items))
            if self.store.replace(batch, after):
                self._keep(state)
                return self.state(after), queued
            batch = self.store.get(batch.id) or batch
        raise SubmissionInProgressError("Other requests retry this batch at the same time.")

    def _keep(self, state: BatchState) -> None:
        """Keep the results until the batch has ended again."""
        self.store.keep_results(state.batch)
        seconds = self.store.result_seconds
        for job in state.jobs:
            if job is not None and job.result is not None and not job.purged:
                for image in (job.result, job.source_preview, job.result_preview):
                    if image is not None:
                        self.blobs.touch(image.blob, seconds=seconds)
