"""Celery's configuration, and publishing. A message is a turn: it lets a worker take the next job.

The API publishes one for each job, and workers consume them. Which job is the next one is decided
in the job store (see `lua/queue.lua`) when a worker has a free slot. A turn too many finds no job,
and one that was lost is published again.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from celery import Celery
from kombu.exceptions import KombuError

from service.errors import QueueUnavailableError
from service.redis_connection import sentinel_options
from service.settings import RedisDatabase, Settings
from service.settings.redis_address import SentinelAddress

TASK_NAME = "hiir.restore"
TURNS = "interactive"
"""The name dates from a release whose messages carried a job's id; each of those is a turn too."""

_PUBLISH_SECONDS = 2.0
# Longer than the broker's blocking read, and than the health check of the connection.
_CONSUME_SECONDS = 60.0
_HEALTH_CHECK_SECONDS = 25
# Kilobytes. A larger process is replaced after its job: the allocator rarely returns memory.
_CHILD_KIBIBYTES = 1024 * 1024
# The default of four seconds kills new processes on a machine under load.
_CHILD_START_SECONDS = 60.0


def build_celery(settings: Settings, *, consumes: bool) -> Celery:
    """Return a Celery application; publishers get short timeouts, consumers long ones."""
    limits = settings.jobs
    broker = Broker.of(settings.database_url(RedisDatabase.BROKER))
    app = Celery("hiir", broker=broker.url, set_as_current=False)
    app.conf.update(
        broker_use_ssl=broker.tls,
        # The job's record is authoritative: a result backend could disagree with it.
        result_backend=None,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_queues={TURNS: {"exchange": TURNS, "routing_key": TURNS}},
        task_default_queue=TURNS,
        task_create_missing_queues=False,
        # A killed process must not lose its message; the attempt count ends poison messages.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_timeout=True,
        # The job checks the soft limit itself, where it can stop cleanly.
        task_time_limit=limits.hard_time_limit,
        # Processes, not threads: one that a decoder crashes, that leaks memory or that is killed at
        # the time limit takes a single job with it, and two images are encoded on two cores.
        worker_pool="prefork",
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        # A new process takes the time of ten small photos; memory has its own limit.
        worker_max_tasks_per_child=1000,
        worker_max_memory_per_child=_CHILD_KIBIBYTES,
        worker_proc_alive_timeout=_CHILD_START_SECONDS,
        # A job survives a short outage of the broker: it would only restart from its first tile.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # The worker's heartbeat in the job store tells liveness (`service.worker.health`).
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            # The reaper recovers lost messages within seconds. The broker's redelivery is a last
            # resort: a turn that is given twice while its job runs finds another job or none.
            "visibility_timeout": 2 * limits.hard_time_limit + 300,
            "unacked_restore_throttle": 1,
            "socket_keepalive": True,
            "socket_connect_timeout": _PUBLISH_SECONDS,
            "socket_timeout": _CONSUME_SECONDS if consumes else _PUBLISH_SECONDS,
            "health_check_interval": _HEALTH_CHECK_SECONDS,
            "max_connections": 64,
            **broker.options,
        },
    )
    return app


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A Redis database in the terms of kombu, Celery's transport."""

    url: str
    tls: Mapping[str, Any] | None
    options: Mapping[str, Any]

    @classmethod
    def of(cls, url: str) -> Self:
        """Translate a URL of ours."""
        # kombu by itself would accept any certificate.
        verified = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
        if not SentinelAddress.matches(url):
            return cls(url=url, tls=verified if url.startswith("rediss:") else None, options={})
        address = SentinelAddress.parse(url)
        user, password = (
            quote(part or "", safe="") for part in (address.username, address.password)
        )
        login = f"{user}:{password}@" if user or password else ""
        hosts = (
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            for host, port in address.sentinels
        )
        return cls(
            # The login of the Redis servers is that of the first URL.
            url=";".join(f"sentinel://{login}{host}/{address.database}" for host in hosts),
            tls=verified if address.tls else None,
            options={"master_name": address.service, "sentinel_kwargs": sentinel_options(address)},
        )


class JobQueue:
    """Publishes turns to the workers."""

    def __init__(self, *, celery: Celery) -> None:
        self._celery = celery
        with celery.connection_for_write() as connection:
            # Includes redis-py's errors, some of which kombu does not wrap.
            self._broker_errors: tuple[type[Exception], ...] = (
                *connection.connection_errors,
                *connection.channel_errors,
                KombuError,
                OSError,
            )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A queue to publish to, with its own Celery application."""
        return cls(celery=build_celery(settings, consumes=False))

    def publish(self) -> None:
        """Send one turn without retries; raises `QueueUnavailableError` within 2 seconds."""
        try:
            self._celery.send_task(TASK_NAME, queue=TURNS, retry=False)
        except self._broker_errors as error:
            raise QueueUnavailableError("The queue does not answer; try again shortly.") from error

    def close(self) -> None:
        """Close the connections."""
        self._celery.close()
