"""The Celery applications' one configuration, and publishing: a message carries an id alone.

The API publishes with it and the workers consume with it: one kind of worker does jobs, the other
sends webhooks, each from a queue of its own. What is published may be lost or doubled without harm:
the lease of a job or a delivery decides who works, and what nobody took is published again.
"""

from typing import ClassVar, Self

from celery import Celery
from kombu.exceptions import KombuError

from service.errors import QueueUnavailableError
from service.settings import RedisDatabase, Settings

TASK_NAME = "hiir.restore"
INTERACTIVE = "interactive"
DELIVER_TASK_NAME = "hiir.deliver"
WEBHOOKS = "webhooks"

_PUBLISH_SECONDS = 2.0
# Longer than the broker's blocking read, and than the health check that ends a dead connection.
_CONSUME_SECONDS = 60.0
_HEALTH_CHECK_SECONDS = 25
# A process that has grown beyond this is replaced after its job: the allocator gives little back.
_CHILD_KIBIBYTES = 1024 * 1024
# On a machine under load the four seconds of the default end in processes killed at birth.
_CHILD_START_SECONDS = 60.0


def build_celery(settings: Settings, *, consumes: bool) -> Celery:
    """Celery on the broker database; publishers get short deadlines, consumers patient ones."""
    limits = settings.jobs
    app = Celery("hiir", broker=settings.database_url(RedisDatabase.BROKER), set_as_current=False)
    app.conf.update(
        # The job's record is the only truth: no result backend that could disagree with it.
        result_backend=None,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_queues={
            name: {"exchange": name, "routing_key": name} for name in (INTERACTIVE, WEBHOOKS)
        },
        task_default_queue=INTERACTIVE,
        task_create_missing_queues=False,
        # A killed process must not take its message along; the lease's attempts end poison.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_timeout=True,
        # The soft limit is the job's own, checked where it can stop in good order.
        task_time_limit=limits.hard_time_limit,
        # Processes, not threads: one that a decoder crashes, that leaks or that must be killed at
        # the time limit takes a single job with it, and two images are encoded on two cores.
        worker_pool="prefork",
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_max_tasks_per_child=200,
        worker_max_memory_per_child=_CHILD_KIBIBYTES,
        worker_proc_alive_timeout=_CHILD_START_SECONDS,
        # A job outlives a broker that blinks: it would only be begun again from its first tile.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # Liveness is the worker's own heartbeat in the job store (`service.worker.health`).
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            # Recovery is the reaper's, in seconds; the broker's own is for what even it misses,
            # and must never give a running job's message to a second worker.
            "visibility_timeout": 2 * limits.hard_time_limit + 300,
            "unacked_restore_throttle": 1,
            "socket_keepalive": True,
            "socket_connect_timeout": _PUBLISH_SECONDS,
            "socket_timeout": _CONSUME_SECONDS if consumes else _PUBLISH_SECONDS,
            "health_check_interval": _HEALTH_CHECK_SECONDS,
            "max_connections": 64,
        },
    )
    return app


class JobQueue:
    """Where accepted jobs are announced to the workers."""

    task: ClassVar[str] = TASK_NAME
    name: ClassVar[str] = INTERACTIVE

    def __init__(self, *, celery: Celery) -> None:
        self._celery = celery
        with celery.connection_for_write() as connection:
            # Includes redis-py's own, which kombu lets through in places.
            self._broker_errors: tuple[type[Exception], ...] = (
                *connection.connection_errors,
                *connection.channel_errors,
                KombuError,
                OSError,
            )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A queue to publish to, with an application of its own."""
        return cls(celery=build_celery(settings, consumes=False))

    def publish(self, subject_id: str) -> None:
        """Send one message, without retries; raises `QueueUnavailableError` within about 2
        seconds."""
        try:
            self._celery.send_task(self.task, args=[subject_id], queue=self.name, retry=False)
        except self._broker_errors as error:
            raise QueueUnavailableError("The queue does not answer; try again shortly.") from error

    def close(self) -> None:
        """Drop the connections."""
        self._celery.close()


class DeliveryQueue(JobQueue):
    """Where webhooks that are due are announced to those who send them."""

    task = DELIVER_TASK_NAME
    name = WEBHOOKS
