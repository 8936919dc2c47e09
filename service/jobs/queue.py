"""Celery's configuration, and publishing.

Each message is a turn: it lets a worker take the next job. The API publishes one turn for each job,
and workers consume them. The job store (see `lua/queue.lua`) chooses the next job when a worker has
a free slot. A surplus turn finds no job, and a lost turn is published again.
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
"""The name dates from a release whose messages carried a job's id.

Such a message also counts as a turn.
"""

_PUBLISH_SECONDS = 2.0
# Longer than the broker's blocking read, and than the connection's health check.
_CONSUME_SECONDS = 60.0
_HEALTH_CHECK_SECONDS = 25
# In kilobytes. A larger process is replaced after its job, because the allocator rarely returns
# memory.
_CHILD_KIBIBYTES = 1024 * 1024
# The default of four seconds would kill new processes on a machine under load.
_CHILD_START_SECONDS = 60.0


def build_celery(settings: Settings, *, consumes: bool) -> Celery:
    """Return a Celery application; publishers have short timeouts, consumers long ones."""
    limits = settings.jobs
    broker = Broker.of(settings.database_url(RedisDatabase.BROKER))
    app = Celery("hiir", broker=broker.url, set_as_current=False)
    app.conf.update(
        broker_use_ssl=broker.tls,
        # The job's record is authoritative; the state in a result backend could differ from it.
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
        # The job checks the soft limit itself, at points where it can stop cleanly.
        task_time_limit=limits.hard_time_limit,
        # Processes instead of threads: a decoder crash, a memory leak or a kill at the time limit
        # affects only one job, and two images are encoded on two cores.
        worker_pool="prefork",
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        # Starting a process takes as long as ten small photos; memory has a separate limit.
        worker_max_tasks_per_child=1000,
        worker_max_memory_per_child=_CHILD_KIBIBYTES,
        worker_proc_alive_timeout=_CHILD_START_SECONDS,
        # A job survives a short outage of the broker; otherwise it would restart from its first
        # tile.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # Liveness is determined from the worker's heartbeat in the job store
        # (`service.worker.health`).
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            # The reaper recovers lost messages within seconds. The broker's redelivery is a last
            # resort: a turn that is delivered again while its job runs takes another job, or none.
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
    """A Redis database in the options of kombu, Celery's transport library."""

    url: str
    tls: Mapping[str, Any] | None
    options: Mapping[str, Any]

    @classmethod
    def of(cls, url: str) -> Self:
        """Translate a Redis URL of the settings."""
        # By default, kombu would accept any certificate.
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
            # The Redis servers use the login of the first URL.
            url=";".join(f"sentinel://{login}{host}/{address.database}" for host in hosts),
            tls=verified if address.tls else None,
            options={"master_name": address.service, "sentinel_kwargs": sentinel_options(address)},
        )


class JobQueue:
    """Publishes turns to the workers."""

    def __init__(self, *, celery: Celery) -> None:
        self._celery = celery
        with celery.connection_for_write() as connection:
            # This includes redis-py's errors, because kombu does not wrap all of them.
            self._broker_errors: tuple[type[Exception], ...] = (
                *connection.connection_errors,
                *connection.channel_errors,
                KombuError,
                OSError,
            )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build a queue for publishing, with its own Celery application."""
        return cls(celery=build_celery(settings, consumes=False))

    def publish(self) -> None:
        """Publish one turn without retries.

        Raises:
            QueueUnavailableError: within 2 seconds, if the broker does not accept the turn.
        """
        try:
            self._celery.send_task(TASK_NAME, queue=TURNS, retry=False)
        except self._broker_errors as error:
            raise QueueUnavailableError("The queue does not answer; try again shortly.") from error

    def close(self) -> None:
        """Close the connections."""
        self._celery.close()
