"""Nothing is wrong with the request: 503, and when to come back."""

from service.errors.base import ServiceError


class UnavailableError(ServiceError):
    """Nothing is wrong with the request; the service cannot take it now."""

    code, status, title, retryable = "unavailable", 503, "Service unavailable", True
    retry_after = 5


class StoreUnavailableError(UnavailableError):
    """Redis does not answer, or refuses writes."""

    code, title = "store-unavailable", "Job store unavailable"


class QueueUnavailableError(UnavailableError):
    """The broker did not take the message."""

    code, title = "queue-unavailable", "Queue unavailable"


class InferenceUnavailableError(UnavailableError):
    """Triton does not answer or is not ready."""

    code, title = "inference-unavailable", "Inference server unavailable"


class QueueFullError(UnavailableError):
    """More jobs wait than can be done in a sensible time."""

    code, title = "queue-full", "Queue full"
    retry_after = 30


class WaitTooLongError(UnavailableError):
    """A new job would wait for longer than is sensible."""

    code, title = "wait-too-long", "Too long a wait"
    retry_after = 30


class ServerBusyError(UnavailableError):
    """Too many uploads at once."""

    code, title = "server-busy", "Too many uploads at once"
    retry_after = 2
