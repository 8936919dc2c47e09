"""Composition root of the worker: `celery -A service.worker.app worker`.

Celery's parent process consumes messages and forks the processes that run the task. Each child
builds its own pipeline, with its own connections, at its first job; the parent has its own for
housekeeping.
"""

import functools
import uuid
import warnings
from contextlib import ExitStack, suppress
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning
from celery.worker.state import active_requests
from prometheus_client import CollectorRegistry

from service.catalogue.models import ModelCatalogue
from service.catalogue.tasks import TaskCatalogue
from service.jobs.batch_store import BatchStore
from service.jobs.blob_stores import open_blob_store
from service.jobs.queue import JobQueue, build_celery
from service.jobs.store import JobStore
from service.observability.logs import configure_logging
from service.observability.metrics import MetricsServer, WorkMetrics
from service.observability.tracing import exporting_spans
from service.redis_connection import refuse_cluster
from service.settings import RedisDatabase, Settings
from service.worker.event_loop_heartbeat import connect_event_loop_heartbeat
from service.worker.housekeeping import DrainFlag, WorkerHousekeeping
from service.worker.metrics_reporter import MetricsReporter
from service.worker.pipeline import Pipeline
from service.worker.reaper import Reaper
from service.worker.tasks import define_task


def create_worker(settings: Settings) -> Celery:
    """Build the application.

    Raises `ModelRepositoryError` if there is nothing to serve, and `StoreFaultError` on a Redis in
    cluster mode.
    """
    refuse_cluster(settings.database_url(RedisDatabase.BROKER))
    app = build_celery(settings, consumes=True)
    models = ModelCatalogue.read(settings.model_repository, names=settings.models)
    drain = DrainFlag()
    registry = CollectorRegistry()
    metrics = WorkMetrics(registry, tasks=TaskCatalogue(models).names)
    metrics.in_flight.set_function(lambda: len(active_requests))
    reporter = MetricsReporter(metrics)
    server = MetricsServer(
        host=settings.metrics.host, port=settings.metrics.worker_port, registry=registry
    )
    housekeeping = _build_housekeeping(settings, drain, reporter)

    @functools.cache
    def pipeline() -> Pipeline:
        return Pipeline.build(settings, models=models, drain=drain, report_outcome=reporter.report)

    def start_codec(**_: object) -> None:
        with suppress(OSError):  # the first job starts it again, and reports the error
            pipeline().codec.start()

    signals.worker_process_init.connect(start_codec, weak=False)
    _trace_jobs()
    define_task(app, pipeline)
    connect_event_loop_heartbeat(app, housekeeping.on_event_loop_tick)
    # Celery warns about a setting that is deliberate on every lost connection (see `jobs.queue`).
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    _connect_signals(settings, housekeeping)

    def start_metrics(sender: Any, **_: object) -> None:
        metrics.slots.set(sender.controller.concurrency)
        reporter.start()
        server.start()

    def stop_metrics(**_: object) -> None:
        server.close()
        reporter.close()

    signals.worker_ready.connect(start_metrics, weak=False)
    signals.worker_shutdown.connect(stop_metrics, weak=False)
    return app


def _trace_jobs() -> None:
    """Export the spans of jobs from the processes that run them."""
    exporting = ExitStack()

    def start(**_: object) -> None:
        exporting.enter_context(exporting_spans("hiir-worker"))

    def stop(**_: object) -> None:
        exporting.close()

    signals.worker_process_init.connect(start, weak=False)
    signals.worker_process_shutdown.connect(stop, weak=False)


def _build_housekeeping(
    settings: Settings, drain: DrainFlag, reporter: MetricsReporter
) -> WorkerHousekeeping:
    jobs = JobStore.from_settings(settings)
    reaper = Reaper(
        owner=uuid.uuid4().hex,
        jobs=jobs,
        batches=BatchStore.from_settings(settings, jobs=jobs),
        blobs=open_blob_store(settings),
        queue=JobQueue.from_settings(settings),
        settings=settings.jobs,
        report_outcome=reporter.report,
    )
    return WorkerHousekeeping(jobs=jobs, reaper=reaper, drain=drain, settings=settings.jobs)


def _connect_signals(settings: Settings, housekeeping: WorkerHousekeeping) -> None:
    def set_up_logging(**_: object) -> None:
        configure_logging(settings)

    def begin(sender: Any, **_: object) -> None:
        housekeeping.start(sender.hostname, slots=sender.controller.concurrency)

    def begin_drain(**_: object) -> None:
        housekeeping.begin_drain()

    # Celery keeps weak references to receivers by default.
    signals.setup_logging.connect(set_up_logging, weak=False)
    signals.worker_ready.connect(begin, weak=False)
    signals.worker_shutting_down.connect(begin_drain, weak=False)


app = create_worker(Settings())
