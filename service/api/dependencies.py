"""What the routes work with, built once for each application."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated

import httpx
from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from service.api.access import Access
from service.api.admission import caller_of
from service.api.drain import Drain
from service.api.queue_metrics import QueueMetrics
from service.capacity.backlog import BacklogMonitor
from service.capacity.load import LoadStore
from service.capacity.quotas import QuotaStore
from service.capacity.readiness import Readiness
from service.capacity.throughput import ThroughputStore
from service.catalogue.models import ModelCatalogue
from service.catalogue.tasks import TaskCatalogue
from service.errors import BatchNotFoundError, JobNotFoundError, KeyMissingError, ServerBusyError
from service.intake.accept import JobSubmitter
from service.intake.idempotency import IdempotencyStore
from service.intake.receive import refuse_unknown
from service.jobs.batch import Batch, BatchState, is_retriable, retried_job_id
from service.jobs.batch_store import BatchStore
from service.jobs.blobs import BlobStore
from service.jobs.job import Job, JobStatus, derive_job_id
from service.jobs.queue import JobQueue
from service.jobs.store import JobStore
from service.keys import KeyStore
from service.observability.metrics import HttpMetrics, JobMetrics, MetricsServer
from service.schemas.job import JobView
from service.settings import Settings
from service.webhooks.secrets import WebhookSecretStore
from service.webhooks.store import DeliveryStore


class UploadSlots:
    """Bounds the bodies that are received at once: the one too many is turned away, not kept."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._slots = asyncio.Semaphore(count)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold a slot; raises `ServerBusyError` if there is none."""
        if self._slots.locked():
            raise ServerBusyError("Too many files are being sent at once.", limit=self._count)
        async with self._slots:
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The composition root's product."""

    settings: Settings
    jobs: JobStore
    blobs: BlobStore
    queue: JobQueue
    models: ModelCatalogue
    tasks: TaskCatalogue
    throughput: ThroughputStore
    loads: LoadStore
    readiness: Readiness
    submitter: JobSubmitter
    idempotency: IdempotencyStore
    deliveries: DeliveryStore
    webhook_secrets: WebhookSecretStore
    keys: KeyStore
    access: Access
    quotas: QuotaStore
    backlog: BacklogMonitor
    batches: BatchStore
    job_metrics: JobMetrics
    http_metrics: HttpMetrics
    metrics_server: MetricsServer
    uploads: UploadSlots
    batch_uploads: UploadSlots
    triton: httpx.Client
    drain: Drain

    @classmethod
    def build(cls, settings: Settings) -> "Services":
        """Wire everything; connects to nothing. Raises `ModelRepositoryError`."""
        jobs = JobStore.from_settings(settings)
        blobs = BlobStore.from_settings(settings)
        queue = JobQueue.from_settings(settings)
        models = ModelCatalogue.read(settings.model_repository)
        keys = KeyStore.from_settings(settings)
        quotas = QuotaStore.from_settings(settings)
        throughput = ThroughputStore.from_settings(settings)
        loads = LoadStore.from_settings(settings)
        backlog = BacklogMonitor(loads=loads, throughput=throughput)
        tasks = TaskCatalogue(models)
        registry = CollectorRegistry()
        job_metrics = JobMetrics(registry)
        # Not through a proxy that the environment names for other traffic.
        triton = httpx.Client(base_url=settings.triton_http_url, trust_env=False)
        return cls(
            settings=settings,
            jobs=jobs,
            blobs=blobs,
            queue=queue,
            models=models,
            tasks=tasks,
            throughput=throughput,
            loads=loads,
            readiness=Readiness(jobs=jobs, triton=triton, models=models.names),
            submitter=JobSubmitter(
                jobs=jobs,
                blobs=blobs,
                queue=queue,
                quotas=quotas,
                backlog=backlog,
                metrics=job_metrics,
                limits=settings.limits,
                lifetimes=settings.jobs,
            ),
            idempotency=IdempotencyStore.from_settings(settings),
            deliveries=DeliveryStore.from_settings(settings),
            webhook_secrets=WebhookSecretStore.from_settings(settings),
            keys=keys,
            access=Access(keys=keys, mode=settings.auth),
            quotas=quotas,
            backlog=backlog,
            batches=BatchStore.from_settings(settings),
            job_metrics=job_metrics,
            http_metrics=HttpMetrics(registry),
            metrics_server=MetricsServer(
                host=settings.metrics.host,
                port=settings.metrics.api_port,
                registry=registry,
                common=QueueMetrics(backlog=backlog, jobs=jobs, tasks=tasks.names),
            ),
            uploads=UploadSlots(settings.limits.concurrent_uploads),
            batch_uploads=UploadSlots(settings.limits.concurrent_batches),
            triton=triton,
            drain=Drain(seconds=settings.drain_seconds),
        )

    def find_job(self, job_id: str, *, tenant: str) -> Job:
        """A tenant's job by the id that it knows; raises `JobNotFoundError`."""
        for candidate in (job_id, derive_job_id(tenant, job_id)):
            job = self.jobs.get(candidate)
            # Nobody else's; and one whose client chose an id is known by that alone.
            if job is not None and job.tenant == tenant and job.public_id == job_id:
                return job
        raise JobNotFoundError(
            "No job has this id, or its record has expired.", actual=job_id[:100]
        )

    def show(self, job: Job) -> JobView:
        """A job as its owner sees it now."""
        waits = job.status is JobStatus.QUEUED
        return JobView.of(job, queue_position=self.jobs.queue_position(job.id) if waits else None)

    def cancel(self, job: Job, *, purge: bool) -> Job:
        """Cancel a job that has not ended, or with `purge` delete the files of one that has.

        Returns the job before: a running one is stopped by its worker, which deletes the files.
        """
        before = self.jobs.cancel(job.id, purge=purge) or job
        never_ran = before.status in {JobStatus.QUEUED, JobStatus.CANCELED}
        if before.status is JobStatus.QUEUED:  # ended here: any other end is a worker's to tell
            self.job_metrics.count(before.task, JobStatus.CANCELED)
        if never_ran or (purge and before.status.is_terminal):
            for image in (before.source, before.result):
                if image is not None:
                    self.blobs.delete(image.blob)
        return before

    def find_batch(self, batch_id: str, *, tenant: str) -> Batch:
        """A tenant's batch; raises `BatchNotFoundError`."""
        batch = self.batches.get(batch_id)
        if batch is None or batch.tenant != tenant:
            raise BatchNotFoundError(
                "No batch has this id, or it has expired.", actual=batch_id[:100]
            )
        return batch

    def batch_state(self, batch: Batch) -> BatchState:
        """A batch with its jobs as they are now."""
        found = iter(self.jobs.get_all(batch.job_ids()))
        jobs = tuple(next(found) if item.job_id is not None else None for item in batch.items)
        return BatchState(batch=batch, jobs=jobs)

    def retry_failed(self, batch: Batch) -> tuple[BatchState, int]:
        """Queue a batch's failed jobs once more; returns how it stands then, and how many."""
        items = list(batch.items)
        again = 0
        for index, job in enumerate(self.batch_state(batch).jobs):
            if job is None or not is_retriable(job):
                continue
            repeated = self.submitter.repeat(job, job_id=retried_job_id(job))
            if repeated is not None:
                items[index] = replace(items[index], job_id=repeated.id)
                again += 1
        if again:
            batch = replace(batch, items=tuple(items))
            self.batches.put(batch)
        return self.batch_state(batch), again

    def close(self) -> None:
        """Drop every connection."""
        self.metrics_server.close()
        self.triton.close()
        self.batches.close()
        self.webhook_secrets.close()
        self.deliveries.close()
        self.quotas.close()
        self.keys.close()
        self.submitter.close()
        self.idempotency.close()
        self.loads.close()
        self.throughput.close()
        self.queue.close()
        self.blobs.close()
        self.jobs.close()


def get_services(request: Request) -> Services:
    """The application's services."""
    services: Services = request.app.state.services
    return services


def get_tenant(request: Request) -> str:
    """Whose request it is, as `AdmissionMiddleware` has found out."""
    caller = caller_of(request.scope)
    if caller is None:  # a route that was made public, and should not have been
        raise KeyMissingError("This needs a key.")
    return caller.tenant


def refuse_parameters(request: Request) -> None:
    """Raise `UnknownParameterError` for a query on a route that takes none."""
    refuse_unknown([name for name, _ in request.query_params.multi_items()], known=())


def accept_parameters(*known: str) -> Callable[[Request], None]:
    """A dependency that raises `UnknownParameterError` or `DuplicateParameterError` for any other
    query."""

    def refuse(request: Request) -> None:
        refuse_unknown([name for name, _ in request.query_params.multi_items()], known=known)

    return refuse


TenantDependency = Annotated[str, Depends(get_tenant)]
ServicesDependency = Annotated[Services, Depends(get_services)]
