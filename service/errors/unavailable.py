# ruff: noqa: N818 - errors are named for what happened
"""Nothing is wrong with the request: 503, and when to come back."""

from service.errors.base import ServiceError


class Unavailable(ServiceError):
    """Nothing is wrong with the request; the service cannot take it now."""

    code, status, title, retryable = "unavailable", 503, "Service unavailable", True
    retry_after = 5


class StoreUnavailable(Unavailable):
    """Redis does not answer, or refuses writes."""

    code, title = "store-unavailable", "Job store unavailable"


class QueueUnavailable(Unavailable):
    """The broker did not take the message."""

    code, title = "queue-unavailable", "Queue unavailable"


class InferenceUnavailable(Unavailable):
    """Triton does not answer or is not ready."""

    code, title = "inference-unavailable", "Inference server unavailable"


class QueueFull(Unavailable):
    """More jobs wait than can be done in a sensible time."""

    code, title = "queue-full", "Queue full"
    retry_after = 30


class WaitTooLong(Unavailable):
    """A new job would wait for longer than is sensible."""

    code, title = "wait-too-long", "Too long a wait"
    retry_after = 30


class ServerBusy(Unavailable):
    """Too many uploads at once."""

    code, title = "server-busy", "Too many uploads at once"
    retry_after = 2
