# ruff: noqa: N818 - errors are named for what happened
"""This client asks for more than one may: 429, and when to come back."""

from service.errors.base import ServiceError


class Overuse(ServiceError):
    """This client asks for more than one may; the service could take it."""

    code, status, title, retryable = "overuse", 429, "Too many requests", True
    retry_after = 1


class RateLimited(Overuse):
    """Submissions come faster than they may."""

    code, title = "rate-limited", "Too many submissions"


class TooManyJobs(Overuse):
    """As many of one's jobs wait and run as may at once."""

    code, title = "too-many-jobs", "Too many jobs at once"


class QuotaExceeded(Overuse):
    """As many megapixels as one may have restored in a day."""

    code, title = "quota-exceeded", "Daily quota exceeded"
