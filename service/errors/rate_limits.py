"""Errors of a client that exceeds its quota (429), with the time of the next try."""

from service.errors.base import ServiceError


class TooManyRequestsError(ServiceError):
    """The client exceeds its quota, though the service has capacity."""

    code, status, title, retryable = "overuse", 429, "Too many requests", True
    retry_after = 1


class RateLimitError(TooManyRequestsError):
    """The client submits faster than its rate limit."""

    code, title = "rate-limited", "Rate limit exceeded"


class TooManyJobsError(TooManyRequestsError):
    """The client has the maximum number of queued and running jobs."""

    code, title = "too-many-jobs", "Too many jobs at once"


class TooManyUploadsError(TooManyRequestsError):
    """The client uploads as many files at once as it may."""

    code, title = "too-many-uploads", "Share of uploads exceeded"


class TooManyRedeliveriesError(TooManyRequestsError):
    """The client asks for webhooks to be sent again more often than it may."""

    code, title = "too-many-redeliveries", "Too many redeliveries"


class QuotaExceededError(TooManyRequestsError):
    """The client has used up its megapixels of the day."""

    code, title = "quota-exceeded", "Daily quota exceeded"
