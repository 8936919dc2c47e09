"""Composition root of the process that sends webhooks: `python -m service.webhooks.worker`.

One event loop sends all of them: it mainly waits for receivers, so hundreds of concurrent requests
cost little. Calls of Redis run in a few threads.
"""

import asyncio
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

from service.jobs.batch_store import BatchStore
from service.jobs.store import JobStore
from service.observability.logs import configure_logging
from service.observability.tracing import exporting_spans
from service.redis_connection import refuse_cluster
from service.settings import RedisDatabase, Settings
from service.webhooks.secrets import WebhookSecretStore
from service.webhooks.store import DeliveryStore
from service.webhooks.worker.deliverer import WebhookDeliverer
from service.webhooks.worker.dispatcher import Dispatcher
from service.webhooks.worker.guarded_network import ThreadedResolver
from service.webhooks.worker.sender import WebhookSender

_STORE_THREADS = 16
# glibc waits 5 seconds for each name server, twice. That is longer than the timeout of an attempt,
# so abandoned lookups could occupy all threads.
_RESOLVER_OPTIONS = "timeout:2 attempts:2"


def sender_name() -> str:
    """Return the name under which this host's process reports its heartbeat."""
    return f"webhooks@{socket.gethostname()}"


def create_dispatcher(settings: Settings) -> Dispatcher:
    """Build the dispatcher without connecting to anything."""
    deliveries = DeliveryStore.from_settings(settings)
    jobs = JobStore.from_settings(settings)
    deliverer = WebhookDeliverer(
        deliveries=deliveries,
        secrets=WebhookSecretStore.from_settings(settings),
        jobs=jobs,
        batches=BatchStore.from_settings(settings, jobs=jobs),
        sender=WebhookSender(
            settings=settings.webhooks,
            resolver=ThreadedResolver(threads=settings.webhooks.in_flight),
        ),
        settings=settings.webhooks,
    )
    return Dispatcher(
        name=sender_name(),
        deliveries=deliveries,
        deliverer=deliverer,
        settings=settings.webhooks,
    )


async def _run(settings: Settings) -> None:
    dispatcher = create_dispatcher(settings)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_STORE_THREADS, thread_name_prefix="store"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, dispatcher.stop)
    await dispatcher.run()


def main() -> None:
    """Send webhooks until SIGTERM or SIGINT, and then finish the requests in flight."""
    settings = Settings()
    configure_logging(settings)
    refuse_cluster(settings.database_url(RedisDatabase.BROKER))
    os.putenv("RES_OPTIONS", _RESOLVER_OPTIONS)
    with exporting_spans("hiir-webhooks"):
        asyncio.run(_run(settings))
