"""This client asks for more than one may: 429, and when to come back."""

from service.errors.base import ServiceError


class TooManyRequestsError(ServiceError):
    """This client asks for more than one may; the service could take it."""

    code, status, title, retryable = "overuse", 429, "Too many requests", True
    retry_after = 1


class RateLimitError(TooManyRequestsError):
    """Submissions come faster than they may."""

    code, title = "rate-limited", "Too many submissions"


class TooManyJobsError(TooManyRequestsError):
    """As many of one's jobs wait and run as may at once."""

    code, title = "too-many-jobs", "Too many jobs at once"


class QuotaExceededError(TooManyRequestsError):
    """As many megapixels as one may have restored in a day."""

    code, title = "quota-exceeded", "Daily quota exceeded"
