"""The call of the script that creates a job, for a single job or the jobs of a batch."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from service.errors import QuotaExceededError, StoreFullError
from service.jobs.job import Failure, Job
from service.jobs.keys import held_key, index_key, job_key
from service.limits import Limits, TenantLimits


class Creation(IntEnum):
    """Result of the script that creates a job."""

    STORE_FULL = -3
    """Redis has no room for the job's result."""
    OVER_QUOTA = -2
    """The tenant has used up its daily megapixels."""
    TOO_MANY = -1
    """The tenant has the maximum number of jobs that have not ended."""
    TAKEN = 0
    """A job with this id exists already."""
    MADE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationCall:
    """Keys and arguments of the script."""

    keys: list[str]
    args: list[str | int]

    @classmethod
    def of(
        cls,
        job: Job,
        *,
        limits: Limits,
        tenants: TenantLimits,
        record_seconds: int,
        result_bytes: int,
        result_seconds: int,
    ) -> Self:
        """Build the call for a job within these limits.

        Args:
            job: the new job.
            limits: limits of the service.
            tenants: limits of each tenant.
            record_seconds: lifetime of the record after the job has ended.
            result_bytes: memory to reserve for the result.
            result_seconds: lifetime of the result of a job that has already ended.
        """
        fields = job.to_fields()
        most = tenants.open_jobs if job.batch_id is None else tenants.open_batch_jobs
        over_quota = QuotaExceededError(
            f"The limit is {tenants.megapixels_per_day} megapixels per day; it resets at midnight "
            "UTC. Retry the failed files of the batch then.",
            limit=tenants.megapixels_per_day,
        )
        store_full = StoreFullError(
            "The job store has no room for the result. Retry the failed files of the batch later."
        )
        return cls(
            keys=creation_keys(job),
            args=[
                *(job.id, fields["created_at"], job_key(""), fields["source"]),
                *(most, job.pixels, 1_000_000 * tenants.megapixels_per_day),
                *(result_bytes, limits.store_percent, job.batch_id or ""),
                *(Failure.from_error(error).to_json() for error in (over_quota, store_full)),
                record_seconds,
                result_seconds if job.status.is_terminal else 0,
                *(part for pair in fields.items() for part in pair),
            ],
        )


def creation_keys(job: Job) -> list[str]:
    """Return the keys for creating or discarding a job: its own, and its tenant's counters."""
    day = int(job.created_at // 86_400)
    kind = "open" if job.batch_id is None else "open-batch"
    return [
        *(job_key(job.id), index_key(job.tenant)),
        *(f"hiir:{kind}:{job.tenant}", f"hiir:pixels:{job.tenant}:{day}"),
        held_key(job.tenant),
    ]
