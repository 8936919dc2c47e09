"""The API's composition root: all services that the routes use."""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from service.api.access import Access
from service.api.blob_sweeper import BlobSweeper
from service.api.drain import Drain
from service.api.queue_metrics import QueueMetrics
from service.api.tenant_batches import TenantBatches
from service.api.tenant_jobs import TenantJobs
from service.api.threads import Threads
from service.api.upload_slots import UploadSlots
from service.capacity.backlog import BacklogMonitor
from service.capacity.load import LoadStore
from service.capacity.model_server import ModelServers
from service.capacity.quotas import QuotaStore
from service.capacity.readiness import Readiness
from service.capacity.throughput import ThroughputStore
from service.catalogue.models import ModelCatalogue
from service.catalogue.restoration import CHAIN
from service.catalogue.tasks import TaskCatalogue
from service.intake.accept import JobSubmitter
from service.intake.idempotency import IdempotencyStore
from service.intake.result_cache import ResultCache
from service.jobs.batch_store import BatchStore
from service.jobs.blob_stores import open_blob_store
from service.jobs.event_feed import EventFeed
from service.jobs.links import LinkStore
from service.jobs.queue import JobQueue
from service.jobs.store import JobStore
from service.jobs.uploads import UploadStore
from service.keys import KeyStore
from service.observability.metrics import CacheMetrics, HttpMetrics, JobMetrics, MetricsServer
from service.settings import AuthMode, Settings
from service.webhooks.secrets import WebhookSecretStore
from service.webhooks.store import DeliveryStore

T = TypeVar("T")

_TRITON_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Models, tasks and their measured throughput."""

    models: ModelCatalogue
    tasks: TaskCatalogue
    throughput: ThroughputStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionServices:
    """Services that turn an upload into a job."""

    submitter: JobSubmitter
    idempotency: IdempotencyStore
    uploads: UploadSlots
    presigned: UploadStore
    batch_uploads: UploadSlots


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookServices:
    """Deliveries, and the secrets that sign them."""

    deliveries: DeliveryStore
    secrets: WebhookSecretStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiMetrics:
    """Request metrics, and the server that Prometheus scrapes."""

    http: HttpMetrics
    server: MetricsServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One field for each group of routes, and the settings that they share."""

    settings: Settings
    access: Access
    quotas: QuotaStore
    keys: KeyStore
    catalogue: Catalogue
    submission: SubmissionServices
    jobs: TenantJobs
    links: LinkStore
    batches: TenantBatches
    webhooks: WebhookServices
    readiness: Readiness
    metrics: ApiMetrics
    drain: Drain
    feed: EventFeed
    sweeper: BlobSweeper
    threads: Threads
    resources: ExitStack
    """Closes every connection, in reverse order."""

    @classmethod
    def build(cls, settings: Settings) -> "Services":
        """Build all services without connecting.

        Raises:
            ModelRepositoryError: if the model repository cannot be served.
        """
        resources = ExitStack()

        def owned(resource: T) -> T:
            closable: Any = resource
            resources.enter_context(closing(closable))
            return resource

        models = ModelCatalogue.read(settings.model_repository, names=settings.models)
        tasks = TaskCatalogue(models)
        jobs = owned(JobStore.from_settings(settings))
        blobs = owned(open_blob_store(settings))
        batches = owned(BatchStore.from_settings(settings, jobs=jobs))
        throughput = owned(ThroughputStore.from_settings(settings))
        backlog = BacklogMonitor(
            loads=owned(LoadStore.from_settings(settings)),
            throughput=throughput,
            interactive_slots=settings.jobs.interactive_slots,
        )
        quotas = owned(QuotaStore.from_settings(settings))
        keys = owned(KeyStore.from_settings(settings))
        # In open mode there is only one tenant, so nothing has to be shared.
        shares = settings.tenants if settings.auth is AuthMode.KEYS else settings.limits
        registry = CollectorRegistry()
        job_metrics = JobMetrics(registry, tasks=tasks.names)
        submitter = owned(
            JobSubmitter(
                jobs=jobs,
                batches=batches,
                blobs=blobs,
                queue=owned(JobQueue.from_settings(settings)),
                quotas=quotas,
                backlog=backlog,
                metrics=job_metrics,
                limits=settings.limits,
                lifetimes=settings.jobs,
                cache=ResultCache(
                    jobs=jobs,
                    blobs=blobs,
                    metrics=CacheMetrics(registry),
                    enabled=settings.cache.enabled,
                    names_files=settings.bucket.redirects,
                ),
            )
        )
        triton = owned(ModelServers(url=settings.triton_url, timeout_seconds=_TRITON_SECONDS))
        metrics_server = MetricsServer(
            host=settings.metrics.host,
            port=settings.metrics.api_port,
            registry=registry,
            common=QueueMetrics(backlog=backlog, jobs=jobs, tasks=(*tasks.names, CHAIN)),
        )
        feed = EventFeed.from_settings(settings)
        return cls(
            settings=settings,
            access=Access(keys=keys, mode=settings.auth),
            quotas=quotas,
            keys=keys,
            catalogue=Catalogue(models=models, tasks=tasks, throughput=throughput),
            submission=SubmissionServices(
                submitter=submitter,
                idempotency=owned(IdempotencyStore.from_settings(settings)),
                presigned=owned(UploadStore.from_settings(settings)),
                uploads=UploadSlots(
                    settings.limits.concurrent_uploads,
                    tenant_share=shares.concurrent_uploads,
                ),
                batch_uploads=UploadSlots(
                    settings.limits.concurrent_batches,
                    tenant_share=shares.concurrent_batches,
                ),
            ),
            jobs=TenantJobs(store=jobs, blobs=blobs, metrics=job_metrics),
            links=owned(LinkStore.from_settings(settings)),
            batches=TenantBatches(store=batches, submitter=submitter, blobs=blobs),
            webhooks=WebhookServices(
                deliveries=owned(DeliveryStore.from_settings(settings)),
                secrets=owned(WebhookSecretStore.from_settings(settings)),
            ),
            readiness=Readiness(
                jobs=jobs,
                triton=triton,
                models=models.names,
                max_memory_percent=settings.limits.store_lease_percent,
            ),
            metrics=ApiMetrics(http=HttpMetrics(registry), server=owned(metrics_server)),
            drain=Drain(seconds=settings.drain_seconds, on_stop=feed.wake_all),
            feed=feed,
            sweeper=owned(BlobSweeper(blobs, seconds=settings.bucket.sweep_seconds)),
            threads=Threads(
                uploads=settings.limits.concurrent_uploads + settings.limits.concurrent_batches
            ),
            resources=resources,
        )

    def close(self) -> None:
        """Close every connection and end the codec processes."""
        self.resources.close()
