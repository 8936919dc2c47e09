"""Errors of a client over its limits (429), and of a service that is unavailable (503)."""

from hiir_client.errors.base import ApiError


class TooManyRequestsError(ApiError):
    """The client exceeds one of its limits; a later attempt may succeed."""


class RateLimitError(TooManyRequestsError):
    """The client submits faster than its rate limit."""

    code = "rate-limited"


class TooManyJobsError(TooManyRequestsError):
    """The client has the maximum number of queued and running jobs."""

    code = "too-many-jobs"


class TooManyUploadsError(TooManyRequestsError):
    """The client uploads as many files at once as it may."""

    code = "too-many-uploads"


class TooManyRedeliveriesError(TooManyRequestsError):
    """The client asks for webhooks to be sent again more often than it may."""

    code = "too-many-redeliveries"


class QuotaExceededError(TooManyRequestsError):
    """The client has used up its megapixels of the day."""

    code = "quota-exceeded"


class UnavailableError(ApiError):
    """The service cannot take the request now; a later attempt may succeed."""


class StoreUnavailableError(UnavailableError):
    """Redis does not answer, or refuses writes."""

    code = "store-unavailable"


class StoreFullError(UnavailableError):
    """Redis has no memory left for the upload or the result."""

    code = "store-full"


class DiskFullError(UnavailableError):
    """There is no disk space left for temporary files."""

    code = "disk-full"


class QueueUnavailableError(UnavailableError):
    """The message broker did not accept the message."""

    code = "queue-unavailable"


class InferenceUnavailableError(UnavailableError):
    """Triton does not answer, or is not ready."""

    code = "inference-unavailable"


class QueueFullError(UnavailableError):
    """The queue is full."""

    code = "queue-full"


class WaitTooLongError(UnavailableError):
    """The predicted wait for a new job exceeds the limit."""

    code = "wait-too-long"


class ServerBusyError(UnavailableError):
    """Too many uploads are in progress."""

    code = "server-busy"
