"""The worker's composition root: `celery -A service.worker.app worker`.

Celery's parent process consumes messages and forks the processes that run the task. Each of them
builds its own pipeline, and with it its own connections, at its first job; the parent has its own
for the caretaker.
"""

import functools
import uuid
import warnings
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning
from celery.worker.state import active_requests
from prometheus_client import CollectorRegistry

from service.catalogue.models import ModelCatalogue
from service.jobs.blobs import BlobStore
from service.jobs.queue import JobQueue, build_celery
from service.jobs.store import JobStore
from service.observability.logs import configure_logging
from service.observability.metrics import MetricsServer, WorkMetrics
from service.settings import Settings
from service.worker.event_loop_heartbeat import connect_pulse
from service.worker.housekeeping import Caretaker, DrainFlag
from service.worker.metrics_reporter import Meter
from service.worker.pipeline import Pipeline
from service.worker.reaper import Reaper
from service.worker.tasks import define_task


def create_worker(settings: Settings) -> Celery:
    """Build the application. Raises `ModelRepositoryError` if there is nothing to serve."""
    app = build_celery(settings, consumes=True)
    models = ModelCatalogue.read(settings.model_repository)
    drain = DrainFlag()
    registry = CollectorRegistry()
    metrics = WorkMetrics(registry)
    metrics.in_flight.set_function(lambda: len(active_requests))
    meter = Meter(metrics)
    server = MetricsServer(
        host=settings.metrics.host, port=settings.metrics.worker_port, registry=registry
    )
    caretaker = _build_caretaker(settings, drain, meter)

    @functools.cache
    def pipeline() -> Pipeline:
        return Pipeline.build(settings, models=models, drain=drain, tell=meter.tell)

    define_task(app, pipeline)
    connect_pulse(app, caretaker.pulse)
    # Told at each loss of the broker, of a setting whose value here is chosen (see `jobs.queue`).
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    _connect_signals(settings, caretaker)

    def measure(sender: Any, **_: object) -> None:
        metrics.slots.set(sender.controller.concurrency)
        meter.start()
        server.start()

    def measure_no_more(**_: object) -> None:
        server.close()
        meter.close()

    signals.worker_ready.connect(measure, weak=False)
    signals.worker_shutdown.connect(measure_no_more, weak=False)
    return app


def _build_caretaker(settings: Settings, drain: DrainFlag, meter: Meter) -> Caretaker:
    jobs = JobStore.from_settings(settings)
    reaper = Reaper(
        owner=uuid.uuid4().hex,
        jobs=jobs,
        blobs=BlobStore.from_settings(settings),
        queue=JobQueue.from_settings(settings),
        settings=settings.jobs,
        tell=meter.tell,
    )
    return Caretaker(jobs=jobs, reaper=reaper, drain=drain, settings=settings.jobs)


def _connect_signals(settings: Settings, caretaker: Caretaker) -> None:
    def set_up_logging(**_: object) -> None:
        configure_logging(settings)

    def begin(sender: Any, **_: object) -> None:
        caretaker.start(sender.hostname, slots=sender.controller.concurrency)

    def wind_down(**_: object) -> None:
        caretaker.wind_down()

    # Celery keeps weak references to receivers unless told otherwise.
    signals.setup_logging.connect(set_up_logging, weak=False)
    signals.worker_ready.connect(begin, weak=False)
    signals.worker_shutting_down.connect(wind_down, weak=False)


app = create_worker(Settings())
