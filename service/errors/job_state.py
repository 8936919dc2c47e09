"""The requested operation does not fit the state of the job or batch."""

from service.errors.base import ServiceError


class JobStateError(ServiceError):
    """The requested operation does not fit the state of the job or batch."""

    code, status, title = "job-problem", 409, "Job state conflict"


class JobNotFoundError(JobStateError):
    """No job has this id, or its record has expired."""

    code, status, title = "job-not-found", 404, "Job not found"


class BatchNotFoundError(JobStateError):
    """No batch has this id, or its record has expired."""

    code, status, title = "batch-not-found", 404, "Batch not found"


class BatchNotFinishedError(JobStateError):
    """Some jobs of the batch have not ended, so its results are not complete."""

    code, title, retryable = "batch-not-finished", "Batch not finished", True
    retry_after = 5


class PreviewNotFoundError(JobStateError):
    """The job has no preview of this image."""

    code, status, title = "preview-not-found", 404, "Preview not found"


class DeliveryNotFoundError(JobStateError):
    """The job has no delivery with this id: it has no webhook, or no event has occurred yet."""

    code, status, title = "delivery-not-found", 404, "Delivery not found"


class JobNotFinishedError(JobStateError):
    """The job has not ended, so it has no result yet."""

    code, title, retryable = "job-not-finished", "Job not finished", True
    retry_after = 1


class JobCanceledError(JobStateError):
    """The job was canceled and has no result."""

    code, title = "job-canceled", "Job canceled"


class JobAlreadyTerminalError(JobStateError):
    """The job has ended and cannot be canceled."""

    code, title = "job-already-terminal", "Job already ended"


class JobIdTakenError(JobStateError):
    """Another submission has created a job with this id."""

    code, title = "job-id-taken", "Job id taken"


class SubmissionInProgressError(JobStateError):
    """The first submission with this key or id is still in progress."""

    code, title, retryable = "submission-in-progress", "Submission in progress", True
    retry_after = 1


class JobFailedError(JobStateError):
    """The job failed; carries the code of the failure, with the status of the result route."""

    code, title = "job-failed", "Job failed"

    def __init__(
        self,
        detail: str = "",
        *,
        code: str,
        title: str,
        retryable: bool,
        limit: int | str | None = None,
        actual: int | str | None = None,
    ) -> None:
        super().__init__(detail, limit=limit, actual=actual)
        self.code, self.title, self.retryable = code, title, retryable


class ResultExpiredError(JobStateError):
    """The result has expired or was deleted."""

    code, status, title = "result-expired", 410, "Result expired"
