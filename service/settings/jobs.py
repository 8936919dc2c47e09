"""Settings of jobs: time limits, leases and lifetimes."""

from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)


class JobSettings(BaseModel):
    """Lifetimes, timeouts and intervals of jobs, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lease_seconds: PositiveFloat = 30
    """Seconds without a report after which a worker loses its job.

    Workers report at least three times as often.
    """

    interactive_slots: NonNegativeInt = 1
    """Number of slots, of all workers together, that are kept free for interactive jobs.

    At least one slot always runs jobs of priority batch. The API and all workers must have the same
    value.
    """

    max_attempts: PositiveInt = 3
    """Attempts that may end with an expired lease before the job fails with `worker-lost`."""

    reaper_seconds: PositiveFloat = 5
    """Interval of the reaper, and of the worker's own heartbeat."""

    republish_seconds: PositiveFloat = 30
    """Seconds that jobs may wait while slots are free, before their messages are published again.

    The messages are then assumed to be lost. A job also stays out of the queue for this time if it
    cannot run now, because its model differs or there is no disk space.
    """

    input_seconds: PositiveInt = 21_600
    """Seconds that a job may wait for a worker or Triton; its upload is kept until then.

    A full queue of large images takes hours on a small CPU.
    """

    result_seconds: PositiveInt = 3600
    """Lifetime of a result."""

    preview_side: Annotated[int, Field(ge=0, le=8192)] = 2048
    """Longer side, in pixels, of the previews of upload and result; 0 for no previews."""

    download_seconds: PositiveInt = 600
    """Seconds that the bytes of a result are kept after it has expired, for downloads in progress.
    """

    record_seconds: PositiveInt = 86_400
    """Lifetime of an ended job's record. It exceeds `result_seconds`, so that the API can answer
    410 instead of 404."""

    idempotency_seconds: PositiveInt = 86_400
    """Lifetime of an idempotency key."""

    soft_time_limit: PositiveInt = 1800
    """A job that runs longer fails with `timeout`: 12 megapixels take minutes on a small CPU."""

    hard_time_limit: PositiveInt = 1860
    """Seconds after which the process of a job that ignores the soft limit is killed.

    The reaper cleans up.
    """

    store_retry_seconds: PositiveFloat = 120
    """Seconds for which a worker retries while Redis is down during a job."""

    store_full_seconds: PositiveFloat = 3600
    """Seconds that a queued job waits while Redis is nearly full.

    A worker also keeps a finished result that does not fit for this time, before the job fails with
    `store-full`. The data that fill the store expire after `result_seconds`. A worker also stops at
    `soft_time_limit`.
    """

    model_wait_seconds: PositiveFloat = 3600
    """Seconds that a job waits while Triton and the workers have different versions of its model.

    They count from its first attempt; after them the job fails with `model-mismatch`.
    """

    drain_seconds: PositiveFloat = 15
    """Seconds for which a worker that shuts down continues its jobs before it requeues them.

    Set it to the orchestrator's grace period minus half a minute, in which restored images are
    stored.
    """

    @property
    def batch_seconds(self) -> int:
        """Lifetime of a batch in seconds: none of its jobs is kept for longer."""
        return self.input_seconds + self.record_seconds

    def result_lifetime(self, *, of_batch: bool) -> int:
        """Return the seconds for which a new result is kept.

        The result of a batch job is kept until the batch has ended, and for `result_seconds` after
        that: the end of the batch shortens this lifetime.
        """
        return self.result_seconds + (self.input_seconds if of_batch else 0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hard_time_limit <= self.soft_time_limit:
            raise ValueError("hard_time_limit must be longer than soft_time_limit")
        if self.record_seconds < self.result_seconds:
            raise ValueError("record_seconds must not be shorter than result_seconds")
        return self
