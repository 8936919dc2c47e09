"""The roots of the exceptions, and exceptions without a problem code of the service."""

from collections.abc import Mapping, Sequence


class HiirClientError(Exception):
    """Root of all exceptions of this package."""


class ApiError(HiirClientError):
    """The service refused a request, or a job failed. Each subclass has a code."""

    code: str = ""
    """Code of the problem; the base class has codes that this version does not know."""

    def __init__(
        self,
        detail: str,
        *,
        code: str = "",
        title: str = "",
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        request_id: str | None = None,
        job_id: str | None = None,
        limit: int | str | None = None,
        actual: int | str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self.detail = detail
        self.code = code or self.code
        self.title = title
        self.status = status
        """HTTP status; None if a job failed."""
        self.retryable = retryable
        """Whether the same request may succeed later."""
        self.retry_after = retry_after
        """Seconds to wait before retrying, if the service specified them."""
        self.request_id = request_id
        """Id under which the service logged the request."""
        self.job_id = job_id
        """Id of the job that failed; None for a refused request."""
        self.limit = limit
        self.actual = actual
        self.errors = tuple(errors)
        """One entry for each invalid part of the request, if there are several."""
        super().__init__(self._describe())

    def _describe(self) -> str:
        measure = "" if self.limit is None else f" (limit {self.limit}, actual {self.actual})"
        request = "" if self.request_id is None else f" [request {self.request_id}]"
        return f"{self.code}: {self.detail or self.title}{measure}{request}"


class ConnectionLostError(HiirClientError):
    """There was no connection to the service, or it broke before the response was complete."""

    def __init__(self, message: str, *, was_sent: bool = True) -> None:
        super().__init__(message)
        self.was_sent = was_sent
        """Whether the service may have received the request."""


class UnexpectedResponseError(HiirClientError):
    """The response does not come from the service: a proxy's error page, or another format."""

    def __init__(self, message: str, *, status: int, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        """The start of the body."""


class ResultCorruptError(HiirClientError):
    """The downloaded file does not have the SHA-256 that the service states."""


class ResultExistsError(HiirClientError):
    """The file that a result should be written to exists, and may not be overwritten."""


class WaitTimeoutError(HiirClientError):
    """The job or batch did not end in time. It goes on; wait again, or cancel it."""


class WebhookVerificationError(HiirClientError):
    """The webhook is not signed by the service, or is too old."""
