"""The service cannot take the request now (503), with the time of the next try."""

from service.errors.base import ServiceError


class UnavailableError(ServiceError):
    """The service cannot take the request now; the request itself is valid."""

    code, status, title, retryable = "unavailable", 503, "Service unavailable", True
    retry_after = 5


class StoreUnavailableError(UnavailableError):
    """Redis does not answer, or refuses writes."""

    code, title = "store-unavailable", "Job store unavailable"


class StoreFullError(UnavailableError):
    """Redis has no memory left for the upload or the result."""

    code, title = "store-full", "Job store full"
    retry_after = 30


class DiskFullError(UnavailableError):
    """There is no disk space left for temporary files."""

    code, title = "disk-full", "Disk full"
    retry_after = 30


class QueueUnavailableError(UnavailableError):
    """The message broker did not accept the message."""

    code, title = "queue-unavailable", "Queue unavailable"


class InferenceUnavailableError(UnavailableError):
    """Triton does not answer, or is not ready."""

    code, title = "inference-unavailable", "Inference server unavailable"


class QueueFullError(UnavailableError):
    """The queue is full."""

    code, title = "queue-full", "Queue full"
    retry_after = 30


class WaitTooLongError(UnavailableError):
    """The predicted wait for a new job exceeds the limit."""

    code, title = "wait-too-long", "Predicted wait too long"
    retry_after = 30


class ServerBusyError(UnavailableError):
    """Too many uploads are in progress."""

    code, title = "server-busy", "Too many uploads at once"
    retry_after = 2
