"""Jobs in Redis: one hash per job, a queue per priority, and the leases of running jobs.

`lua/queue.lua` describes the queues; `leases` holds the running jobs by the time at which their
lease expires. Every state change is one Lua script. A worker that writes to a running job presents
the token of its lease: a worker that has lost its job to another one cannot change the job when it
reconnects.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import cast

import redis

from service.errors import StoreFullError, StoreUnavailableError, WorkerLostError
from service.jobs.creation import Creation, CreationCall, creation_keys
from service.jobs.event_log import EventLog
from service.jobs.job import Failure, Job, JobStatus, Outcome, Progress
from service.jobs.keys import cached_key, held_key, index_key, job_key, slots_key
from service.jobs.lease import Lease, LeaseState
from service.jobs.replicas import Replicas
from service.jobs.scripts import (
    ATTACH,
    CANCEL,
    CLAIM,
    CREATE,
    DISCARD,
    FINISH,
    RECLAIM,
    REPORT,
    REQUEUE,
)
from service.jobs.stored_image import StoredImage
from service.jobs.turns import JobTurns
from service.limits import Limits, TenantLimits
from service.redis_connection import connect, redis_errors, redis_time
from service.settings import RedisDatabase, ReplicaSettings, Settings
from service.settings.jobs import JobSettings

LEASES = "hiir:leases"
WORKERS = "hiir:workers"
_RESERVED = "hiir:reserved"
_REAPER = "hiir:reaper"
_BATCH = 16
_INTERACTIVE_IN_ROW = 4
"""Maximum number of interactive jobs that are taken in a row while a batch job could run."""
_OVERDUE = 2
"""Answer of the claim script for a job that has waited too long for memory."""


class JobStore:
    """Jobs and their leases. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(
        self,
        *,
        client: redis.Redis,
        settings: JobSettings,
        limits: Limits,
        tenants: TenantLimits,
        replicas: ReplicaSettings,
        holds_results: bool = True,
    ) -> None:
        self.replicas = Replicas(client=client, settings=replicas)
        self.events = EventLog(client)
        self.turns = JobTurns(client=client, settings=settings)
        self._redis = client
        self._limits = limits
        self._holds_results = holds_results
        self._settings = settings
        self._tenants = tenants
        self._create = client.register_script(CREATE)
        self._discard = client.register_script(DISCARD)
        self._claim = client.register_script(CLAIM)
        self._report = client.register_script(REPORT)
        self._attach = client.register_script(ATTACH)
        self._finish = client.register_script(FINISH)
        self._requeue = client.register_script(REQUEUE)
        self._cancel = client.register_script(CANCEL)
        self._reclaim = client.register_script(RECLAIM)

    @classmethod
    def from_settings(cls, settings: Settings) -> "JobStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(
            client=connect(url, decode_responses=True),
            settings=settings.jobs,
            limits=settings.limits,
            tenants=settings.tenants,
            replicas=settings.replicas,
            holds_results=settings.bucket.url is None,
        )

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def ping(self) -> None:
        """Check that Redis answers."""
        with redis_errors():
            self._redis.ping()

    def create(self, job: Job) -> Creation:
        """Write a new, queued job and reserve memory for its result.

        Nothing is written if its id is taken, its tenant has reached a limit, or the store has no
        room. A job of a batch is always written: one over the daily pixels or without memory is
        written as failed, and one over the limit of open jobs is held until another one has ended.

        The record does not expire before the job has ended. Raises `StoreUnavailableError` if too
        few replicas confirm the job, which then exists: discard it.
        """
        call = self.creation(job)
        with redis_errors():
            made = Creation(self._create(keys=call.keys, args=call.args))
        key = job_key(job.id)
        if made is Creation.MADE and not self.replicas.confirm(key, "tenant", job.tenant):
            raise StoreUnavailableError(
                "Too few replicas of the job store have confirmed the job; try again shortly."
            )
        return made

    def creation(self, job: Job) -> CreationCall:
        """Return the call of the script that creates the job."""
        return CreationCall.of(
            job,
            limits=self._limits,
            tenants=self._tenants,
            record_seconds=self._settings.record_seconds,
            result_bytes=job.result_estimate if self._holds_results else 0,
            result_seconds=self._settings.result_lifetime(of_batch=job.batch_id is not None),
        )

    def held(self, tenant: str) -> int:
        """Return how many jobs of the tenant's batches are held until it is their turn."""
        with redis_errors():
            return int(self._redis.zcard(held_key(tenant)))

    def discard(self, job: Job) -> None:
        """Remove a job whose submission failed, and undo its changes to the tenant's counters."""
        with redis_errors():
            self._discard(keys=creation_keys(job), args=[job.id, job.pixels])

    def get(self, job_id: str) -> Job | None:
        """Return the job, or None if it does not exist."""
        with redis_errors():
            fields = cast("Mapping[str, str]", self._redis.hgetall(job_key(job_id)))
        return Job.from_fields(fields) if fields else None

    def get_all(self, job_ids: Sequence[str]) -> list[Job | None]:
        """Return each of the jobs; None for a job that does not exist."""
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(job_key(job_id))
            records = cast("list[Mapping[str, str]]", pipe.execute())
        return [Job.from_fields(record) if record else None for record in records]

    def cached(self, key: str, *, tenant: str) -> list[Job]:
        """Return the tenant's latest successful jobs with this `cache_key`."""
        with redis_errors():
            ids = cast("list[str]", self._redis.lrange(cached_key(tenant, key), 0, -1))
        return [job for job in self.get_all(ids) if job is not None]

    def newest(
        self, tenant: str, *, before: tuple[float, str] | None, count: int
    ) -> tuple[list[Job], tuple[float, str] | None]:
        """Return up to `count` of a tenant's jobs, newest first, and the position of the next page.

        Expired jobs are skipped. `before` is the position that the previous call returned, or None
        for the first page. A returned position of None means that there is no next page.
        """
        edge = "+inf" if before is None else repr(before[0])
        with redis_errors():
            # More jobs than requested are read: the first of the next page, and those created in
            # the same microsecond as the last.
            listed = self._redis.zrange(
                index_key(tenant),
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

    def memory_percent(self) -> int:
        """Return the percentage of Redis's `maxmemory` in use; 0 if no maximum is set."""
        return self._percent(reserved=0)

    def committed_percent(self, *, new_bytes: int = 0) -> int:
        """Return `memory_percent` after adding `new_bytes` and the memory reserved for results.

        Neither is added if files are kept in a bucket.
        """
        if not self._holds_results:
            return self.memory_percent()
        with redis_errors():
            reserved = cast("str | None", self._redis.get(_RESERVED))
        return self._percent(reserved=int(reserved or 0) + new_bytes)

    def _percent(self, *, reserved: int) -> int:
        with redis_errors():
            memory = self._redis.info("memory")
        used, maximum = memory["used_memory"] + reserved, memory["maxmemory"]
        return int(100 * used / maximum) if maximum else 0

    def cancel(self, job_id: str, *, purge: bool = True) -> Job | None:
        """Cancel a queued job, stop a running one, or, with `purge`, mark an ended one as purged.

        Returns the job before this call, which distinguishes the three cases; None if there is
        none.
        """
        before = self.get(job_id)
        if before is None:
            return None
        with redis_errors():
            status = self._cancel(
                keys=[job_key(job_id)],
                args=[job_id, self._settings.record_seconds, int(purge)],
            )
        if status is None:
            return None
        # The record may have changed since it was read: the script's answer is authoritative.
        return before if status == before.status else self.get(job_id)

    def claim(self, worker: str) -> Lease | None:
        """Lease the next job to a worker; returns None if no job can be taken.

        Raises `StoreFullError` if the job must wait because Redis is nearly full.
        """
        token = uuid.uuid4().hex
        with redis_errors():
            reply = self._claim(
                keys=[f"hiir:claim:{token}"],
                args=[
                    *(token, worker, self._settings.lease_seconds),
                    *(self._limits.store_lease_percent, self._settings.store_full_seconds),
                    *(self._settings.interactive_slots, _INTERACTIVE_IN_ROW),
                ],
            )
        job_id, answer = cast("tuple[str, int]", reply)
        if not job_id:
            if answer:
                raise StoreFullError("The job store is nearly full.")
            return None
        job = self.get(job_id)
        if job is None:
            return None
        return Lease(job=job, token=token, store_full=answer == _OVERDUE)

    def report(self, lease: Lease, progress: Progress | None = None) -> LeaseState:
        """Extend the lease, store the progress, and return whether the worker may continue."""
        args: list[str | int | float] = [lease.job.id, lease.token, self._settings.lease_seconds]
        if progress is not None:
            args += [progress.stage.value, progress.tiles_done, progress.tiles_total]
            args.append(progress.tile_columns)
        with redis_errors():
            return LeaseState(self._report(keys=[job_key(lease.job.id), LEASES], args=args))

    def attach_source_preview(self, lease: Lease, preview: StoredImage) -> LeaseState:
        """Record the preview of the upload; `LOST` means that it was not recorded."""
        with redis_errors():
            state = self._attach(
                keys=[job_key(lease.job.id)],
                args=[lease.job.id, lease.token, "source_preview", preview.to_json()],
            )
        return LeaseState(state)

    def finish(self, lease: Lease, outcome: Outcome) -> LeaseState:
        """End the job. Only `HELD` means that the outcome was written.

        `STOP` is returned for a success if the owner has requested cancellation.
        """
        succeeded = outcome.status is JobStatus.SUCCEEDED
        record = self._settings.record_seconds
        lifetime = self._settings.result_lifetime(of_batch=lease.job.batch_id is not None)
        with redis_errors():
            state = self._finish(
                keys=[job_key(lease.job.id)],
                args=[
                    *(lease.job.id, lease.token, outcome.status.value, record),
                    lifetime if succeeded else record,
                    *(part for pair in outcome.to_fields().items() for part in pair),
                ],
            )
        return LeaseState(state)

    def confirm_end(self, lease: Lease, status: JobStatus) -> bool:
        """Return whether enough replicas have the job's final state, after `finish`.

        If not, a failover may restore the job's state as running: its lease then expires, and the
        job runs again, which requires its upload.
        """
        return self.replicas.confirm(job_key(lease.job.id), "status", status.value)

    def requeue(self, lease: Lease, *, later: bool = False) -> LeaseState:
        """Put the job back at the head of the queue, without counting the attempt.

        `later` keeps the job out of the queue for `republish_seconds`. Only `HELD` means that it
        was requeued; `STOP` means that it is to be canceled.
        """
        with redis_errors():
            state = self._requeue(
                keys=[job_key(lease.job.id)],
                args=[
                    *(lease.job.id, lease.token),
                    self._settings.republish_seconds if later else 0,
                ],
            )
        return LeaseState(state)

    def reclaim_expired(self) -> tuple[Job, ...]:
        """Take the jobs whose lease has expired; each is queued again, or ends."""
        failure = Failure.from_error(
            WorkerLostError("Every worker that took this job stopped reporting.")
        )
        taken = []
        with redis_errors():
            expired = self._redis.zrange(
                LEASES, "-inf", str(redis_time(self._redis)), byscore=True, offset=0, num=_BATCH
            )
            for job_id in cast("list[str]", expired):
                status = self._reclaim(
                    keys=[job_key(job_id), LEASES],
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

    def hold_reaper(self, owner: str, *, seconds: float) -> bool:
        """Acquire or extend the reaper lock for `seconds`; returns whether `owner` holds it."""
        milliseconds = int(seconds * 1000)
        with redis_errors():
            if self._redis.set(_REAPER, owner, nx=True, px=milliseconds):
                return True
            if self._redis.get(_REAPER) != owner:
                return False
            # The lock may change hands between the calls: two concurrent reapers only do redundant
            # work.
            return bool(self._redis.pexpire(_REAPER, milliseconds))

    def beat(self, worker: str, *, seconds: float, slots: int) -> None:
        """Record that a worker with this many slots is alive for `seconds`."""
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            now = redis_time(self._redis)
            pipe.zremrangebyscore(WORKERS, "-inf", now)
            pipe.zadd(WORKERS, {worker: now + seconds})
            pipe.set(slots_key(worker), slots, px=int(1000 * seconds))
            pipe.execute()

    def is_live(self, worker: str) -> bool:
        """Return whether this worker has recorded a heartbeat recently."""
        with redis_errors():
            until: float | None = self._redis.zscore(WORKERS, worker)
            return until is not None and until > redis_time(self._redis)

    def retire(self, worker: str) -> None:
        """Record that a worker takes no more jobs."""
        with redis_errors():
            self._redis.zrem(WORKERS, worker)

    def live_workers(self) -> int:
        """Return the number of workers with a recent heartbeat."""
        with redis_errors():
            return int(self._redis.zcount(WORKERS, redis_time(self._redis), "+inf"))

    def now(self) -> float:
        """Return the time of Redis's clock, in seconds since the epoch.

        All times that are compared come from this clock.
        """
        return redis_time(self._redis)
