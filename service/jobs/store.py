"""Jobs in Redis: one hash a job, and two sorted sets to find those that nobody tends.

`queued` holds the waiting jobs by time of creation, `leases` the running ones by the time at which
their holder has been silent for too long. Every change of state is one Lua script, and whoever
writes to a running job must show its lease's token: a worker that was thought dead, and lost its
job to another, can change nothing when it comes back.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

import redis

from service.errors import WorkerLostError
from service.jobs.events import JobEvent
from service.jobs.job import Failure, Job, JobStatus, Outcome, Progress
from service.jobs.scripts import (
    CANCEL,
    CREATE,
    DISCARD,
    FINISH,
    LEASE,
    RECLAIM,
    REPORT,
    REPUBLISH,
    REQUEUE,
)
from service.limits import TenantLimits
from service.redis_connection import connect, redis_errors
from service.settings import JobSettings, RedisDatabase, Settings

QUEUED = "hiir:queued"
LEASES = "hiir:leases"
WORKERS = "hiir:workers"
_REAPER = "hiir:reaper"
_BATCH = 16
_EVENTS = 100


class LeaseState(IntEnum):
    """What a worker learns when it reports."""

    LOST = 0
    HELD = 1
    STOP = 2


class Creation(IntEnum):
    """What became of a job that was to be made."""

    OVER_QUOTA = -2
    """Its tenant has had as many megapixels today as it may."""
    TOO_MANY = -1
    """Its tenant has as many jobs that have not ended as it may."""
    TAKEN = 0
    """There is another with its id."""
    MADE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on a job, until it is finished, released, or taken for silence."""

    job: Job
    token: str


class JobStore:
    """Jobs and their leases. Every method raises `StoreUnavailableError` while Redis is away."""

    def __init__(
        self, *, client: redis.Redis, settings: JobSettings, tenants: TenantLimits
    ) -> None:
        self._redis = client
        self._settings = settings
        self._tenants = tenants
        self._create = client.register_script(CREATE)
        self._discard = client.register_script(DISCARD)
        self._lease = client.register_script(LEASE)
        self._report = client.register_script(REPORT)
        self._finish = client.register_script(FINISH)
        self._requeue = client.register_script(REQUEUE)
        self._cancel = client.register_script(CANCEL)
        self._reclaim = client.register_script(RECLAIM)
        self._republish = client.register_script(REPUBLISH)

    @classmethod
    def from_settings(cls, settings: Settings) -> "JobStore":
        """The store on the database of its own."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(
            client=connect(url, decode_responses=True),
            settings=settings.jobs,
            tenants=settings.tenants,
        )

    def close(self) -> None:
        """Drop the connections."""
        self._redis.close()

    def ping(self) -> None:
        """Return if Redis answers."""
        with redis_errors():
            self._redis.ping()

    def create(self, job: Job) -> Creation:
        """Write a new, queued job, unless there is one with its id or its tenant has enough.

        Its record does not expire before the job has ended.
        """
        fields = job.to_fields()
        limits = self._tenants
        most = limits.open_jobs if job.batch_id is None else limits.open_batch_jobs
        with redis_errors():
            made = self._create(
                keys=_keys(job),
                args=[
                    *(job.id, fields["created_at"], job_key(""), fields["source"]),
                    *(most, job.source.pixels, 1_000_000 * limits.megapixels_per_day),
                    *(part for pair in fields.items() for part in pair),
                ],
            )
        return Creation(made)

    def discard(self, job: Job) -> None:
        """Remove a job as if it had never been: its submission failed half-way."""
        with redis_errors():
            self._discard(keys=_keys(job), args=[job.id, job.source.pixels])

    def get(self, job_id: str) -> Job | None:
        """The job, or None if there is no record of it."""
        with redis_errors():
            fields = cast("Mapping[str, str]", self._redis.hgetall(job_key(job_id)))
        return Job.from_fields(fields) if fields else None

    def get_all(self, job_ids: Sequence[str]) -> list[Job | None]:
        """Each of the jobs, or None for one of which there is no record."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(job_key(job_id))
            records = cast("list[Mapping[str, str]]", pipe.execute())
        return [Job.from_fields(record) if record else None for record in records]

    def newest(
        self, tenant: str, *, before: tuple[float, str] | None, count: int
    ) -> tuple[list[Job], tuple[float, str] | None]:
        """Up to `count` of a tenant's jobs, newest first, and where the next call goes on.

        `before` is what the call before returned; None begins, and ends. Jobs whose record has
        expired are passed over.
        """
        edge = "+inf" if before is None else repr(before[0])
        with redis_errors():
            # Some more than wanted: the first of the next page, and those of the last microsecond.
            listed = self._redis.zrange(
                _index(tenant),
                edge,
                "-inf",
                desc=True,
                byscore=True,
                withscores=True,
                offset=0,
                num=count + 1 + _BATCH,
            )
            ids = [
                (float(score), job_id) for job_id, score in cast("list[tuple[str, float]]", listed)
            ]
            ids = [entry for entry in ids if before is None or entry < before]
            with self._redis.pipeline(transaction=False) as pipe:
                for _, job_id in ids[:count]:
                    pipe.hgetall(job_key(job_id))
                records = cast("list[Mapping[str, str]]", pipe.execute())
        jobs = [Job.from_fields(record) for record in records if record]
        return jobs, ids[count - 1] if len(ids) > count else None

    def events(self, job_id: str, *, after: str) -> list[JobEvent]:
        """What happened to a job since the event with the id `after`; all that is kept for `0-0`.

        Up to a batch of them: whoever reads goes on after the last until there are none.
        """
        with redis_errors():
            entries = self._redis.xrange(_events(job_id), min=f"({after}", count=_EVENTS)
        found = cast("list[tuple[str, Mapping[str, str]]]", entries)
        return [JobEvent.from_fields(event_id, fields) for event_id, fields in found]

    def queue_position(self, job_id: str) -> int | None:
        """Number of jobs before this one, or None if it does not wait."""
        with redis_errors():
            return cast("int | None", self._redis.zrank(QUEUED, job_id))

    def queue_depth(self) -> int:
        """Number of jobs that wait."""
        with redis_errors():
            return int(self._redis.zcard(QUEUED))

    def memory_percent(self) -> int:
        """Part of Redis's `maxmemory` that is in use; 0 where none is set."""
        with redis_errors():
            memory = self._redis.info("memory")
        return int(100 * memory["used_memory"] / memory["maxmemory"]) if memory["maxmemory"] else 0

    def cancel(self, job_id: str, *, purge: bool = True) -> Job | None:
        """End a queued job, ask a running one to stop, mark a finished one as purged if told to.

        Returns the job before the call, so that the caller knows which of the three it was.
        """
        before = self.get(job_id)
        if before is None:
            return None
        with redis_errors():
            status = self._cancel(
                keys=[job_key(job_id), QUEUED],
                args=[job_id, self._settings.record_seconds, int(purge)],
            )
        if status is None:
            return None
        # The record may have moved on since it was read: the script's word is what counts.
        return before if status == before.status else self.get(job_id)

    def lease(self, job_id: str, *, worker: str) -> Lease | None:
        """Take a queued job, or None if it is not there to be taken (any more)."""
        token = uuid.uuid4().hex
        with redis_errors():
            leased = self._lease(
                keys=[job_key(job_id), QUEUED, LEASES],
                args=[job_id, token, worker, self._settings.lease_seconds],
            )
        job = self.get(job_id) if leased else None
        return Lease(job=job, token=token) if job is not None else None

    def report(self, lease: Lease, progress: Progress | None = None) -> LeaseState:
        """Extend the lease, tell the progress, and learn whether to go on."""
        args: list[str | int | float] = [lease.job.id, lease.token, self._settings.lease_seconds]
        if progress is not None:
            args += [progress.stage.value, progress.tiles_done, progress.tiles_total]
        with redis_errors():
            return LeaseState(self._report(keys=[job_key(lease.job.id), LEASES], args=args))

    def finish(self, lease: Lease, outcome: Outcome) -> LeaseState:
        """End the job. Only if it says `HELD` was anything written.

        `STOP` answers a success that comes after the job's owner has asked to cancel it.
        """
        succeeded = outcome.status is JobStatus.SUCCEEDED
        record = self._settings.record_seconds
        with redis_errors():
            state = self._finish(
                keys=[job_key(lease.job.id), LEASES],
                args=[
                    *(lease.job.id, lease.token, outcome.status.value, record),
                    self._settings.result_seconds if succeeded else record,
                    *(part for pair in outcome.to_fields().items() for part in pair),
                ],
            )
        return LeaseState(state)

    def requeue(self, lease: Lease) -> LeaseState:
        """Put the job back into the queue without counting the attempt.

        Only if it says `HELD` was anything written; `STOP` is for a job that is to be canceled.
        """
        with redis_errors():
            state = self._requeue(
                keys=[job_key(lease.job.id), QUEUED, LEASES], args=[lease.job.id, lease.token]
            )
        return LeaseState(state)

    def reclaim_expired(self) -> tuple[Job, ...]:
        """Take jobs from holders that fell silent: back into the queue, or to their end."""
        failure = Failure.from_error(
            WorkerLostError("Every worker that took this job ended without a word.")
        )
        taken = []
        with redis_errors():
            expired = self._redis.zrange(
                LEASES, "-inf", str(self._now()), byscore=True, offset=0, num=_BATCH
            )
            for job_id in cast("list[str]", expired):
                status = self._reclaim(
                    keys=[job_key(job_id), QUEUED, LEASES],
                    args=[
                        job_id,
                        self._settings.max_attempts,
                        self._settings.record_seconds,
                        failure.to_json(),
                    ],
                )
                job = self.get(job_id) if status is not None else None
                if job is not None:
                    taken.append(job)
        return tuple(taken)

    def unpublished(self) -> tuple[str, ...]:
        """Ids of jobs at the head of the queue whose message is old enough to be thought lost.

        Each id is given once in `republish_seconds`, and only the first few jobs are looked at: a
        message too many is dropped by the lease, but a long queue must not be sent anew each time.
        """
        with redis_errors():
            return tuple(
                job_id
                for job_id in cast("list[str]", self._redis.zrange(QUEUED, 0, _BATCH - 1))
                if self._republish(
                    keys=[job_key(job_id), QUEUED], args=[job_id, self._settings.republish_seconds]
                )
            )

    def hold_reaper(self, owner: str, *, seconds: float) -> bool:
        """Become or stay the one reaper for `seconds`."""
        milliseconds = int(seconds * 1000)
        with redis_errors():
            if self._redis.set(_REAPER, owner, nx=True, px=milliseconds):
                return True
            if self._redis.get(_REAPER) != owner:
                return False
            # Between the two calls the lock may pass on: two reapers do no harm, only double work.
            return bool(self._redis.pexpire(_REAPER, milliseconds))

    def beat(self, worker: str, *, seconds: float, slots: int) -> None:
        """Say that a worker with so many slots is alive, and will be for `seconds`."""
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            now = self._now()
            pipe.zremrangebyscore(WORKERS, "-inf", now)
            pipe.zadd(WORKERS, {worker: now + seconds})
            pipe.set(slots_key(worker), slots, px=int(1000 * seconds))
            pipe.execute()

    def is_live(self, worker: str) -> bool:
        """Whether this worker said so lately."""
        with redis_errors():
            until: float | None = self._redis.zscore(WORKERS, worker)
            return until is not None and until > self._now()

    def retire(self, worker: str) -> None:
        """Say that a worker takes no more jobs."""
        with redis_errors():
            self._redis.zrem(WORKERS, worker)

    def live_workers(self) -> int:
        """Number of workers that said so lately."""
        with redis_errors():
            return int(self._redis.zcount(WORKERS, self._now(), "+inf"))

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return float(seconds) + float(microseconds) / 1e6


def _index(tenant: str) -> str:
    return f"hiir:jobs:{tenant}"


def _events(job_id: str) -> str:
    return f"hiir:events:{job_id}"


def _keys(job: Job) -> list[str]:
    """Of a job that is made or unmade: its own, and those that hold its tenant to its limits."""
    day = int(job.created_at // 86_400)
    kind = "open" if job.batch_id is None else "open-batch"
    return [
        *(job_key(job.id), QUEUED, _index(job.tenant)),
        *(f"hiir:{kind}:{job.tenant}", f"hiir:pixels:{job.tenant}:{day}"),
    ]


def slots_key(worker: str) -> str:
    """Where a live worker says how much it does at once."""
    return f"hiir:slots:{worker}"


def job_key(job_id: str) -> str:
    """A job's record."""
    return f"hiir:job:{job_id}"
