"""Composition root of the webhook worker: `celery -A service.webhooks.worker.app worker`.

It uses threads, because it only waits for receivers, and its own queue: slow receivers never delay
a job.
"""

import warnings
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning

from service.jobs.batch_store import BatchStore
from service.jobs.queue import DELIVER_TASK_NAME, DeliveryQueue, build_celery
from service.jobs.store import JobStore
from service.observability.logs import configure_logging
from service.settings import Settings
from service.webhooks.secrets import WebhookSecretStore
from service.webhooks.store import DeliveryStore
from service.webhooks.worker.deliverer import WebhookDeliverer
from service.webhooks.worker.dispatcher import Dispatcher
from service.webhooks.worker.sender import WebhookSender
from service.worker.event_loop_heartbeat import connect_event_loop_heartbeat


def create_webhook_worker(settings: Settings) -> Celery:
    """Build the application without connecting to anything."""
    app = build_celery(settings, consumes=True)
    app.conf.update(
        worker_pool="threads",
        # Applies to processes only, not to threads.
        task_time_limit=None,
        worker_max_tasks_per_child=None,
        worker_max_memory_per_child=None,
    )
    deliveries = DeliveryStore.from_settings(settings)
    jobs = JobStore.from_settings(settings)
    deliverer = WebhookDeliverer(
        deliveries=deliveries,
        secrets=WebhookSecretStore.from_settings(settings),
        jobs=jobs,
        batches=BatchStore.from_settings(settings, jobs=jobs),
        sender=WebhookSender(settings=settings.webhooks),
        settings=settings.webhooks,
    )
    dispatcher = Dispatcher(
        deliveries=deliveries,
        queue=DeliveryQueue.from_settings(settings),
        poll_seconds=settings.webhooks.poll_seconds,
    )
    app.task(name=DELIVER_TASK_NAME)(deliverer.deliver)
    connect_event_loop_heartbeat(app, dispatcher.on_event_loop_tick)
    # Celery warns about a deliberate setting on every lost connection (see `jobs.queue`).
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    _connect_signals(settings, dispatcher)
    return app


def _connect_signals(settings: Settings, dispatcher: Dispatcher) -> None:
    def set_up_logging(**_: object) -> None:
        configure_logging(settings)

    def begin(sender: Any, **_: object) -> None:
        dispatcher.start(sender.hostname)

    def begin_drain(**_: object) -> None:
        dispatcher.begin_drain()

    # Celery keeps weak references to receivers by default.
    signals.setup_logging.connect(set_up_logging, weak=False)
    signals.worker_ready.connect(begin, weak=False)
    signals.worker_shutting_down.connect(begin_drain, weak=False)


app = create_webhook_worker(Settings())
