"""Conflicts with the state of a job, a batch or a key."""

from hiir_client.errors.base import ApiError


class StateError(ApiError):
    """The request conflicts with the state of a job, a batch or a key."""


class KeyNotFoundError(StateError):
    """The tenant has no live key with this id."""

    code = "key-not-found"


class TooManyKeysError(StateError):
    """The tenant has the maximum number of live keys."""

    code = "too-many-keys"


class JobNotFoundError(StateError):
    """No job has this id, or its record has expired."""

    code = "job-not-found"


class BatchNotFoundError(StateError):
    """No batch has this id, or its record has expired."""

    code = "batch-not-found"


class BatchNotFinishedError(StateError):
    """Some jobs of the batch have not ended, so its results are not complete."""

    code = "batch-not-finished"


class DeliveryNotFoundError(StateError):
    """The job has no delivery with this id: it has no webhook, or no event has occurred yet."""

    code = "delivery-not-found"


class JobNotFinishedError(StateError):
    """The job has not ended, so it has no result yet."""

    code = "job-not-finished"


class JobCanceledError(StateError):
    """The job was canceled and has no result."""

    code = "job-canceled"


class JobAlreadyTerminalError(StateError):
    """The job has ended and cannot be canceled."""

    code = "job-already-terminal"


class JobIdTakenError(StateError):
    """Another submission has created a job with this id."""

    code = "job-id-taken"


class SubmissionInProgressError(StateError):
    """The first submission with this key or id is still in progress."""

    code = "submission-in-progress"


class JobFailedError(StateError):
    """The job failed; carries the code of the failure, with the status of the result route."""

    code = "job-failed"


class PreviewNotFoundError(StateError):
    """The job has no preview: the service makes none, or had no room for it."""

    code = "preview-not-found"


class ResultExpiredError(StateError):
    """The result has expired or was deleted."""

    code = "result-expired"


class UploadExpiredError(StateError):
    """The time in which the presigned upload could be used is over."""

    code = "upload-expired"


class UploadMismatchError(StateError):
    """The file in the bucket has another size or hash than was announced."""

    code = "upload-mismatch"


class UploadMissingError(StateError):
    """No file has been sent to the URL of the presigned upload."""

    code = "upload-missing"


class UploadNotFoundError(StateError):
    """The tenant has no presigned upload with this id, or its record has expired."""

    code = "upload-not-found"


class UploadUsedError(StateError):
    """The presigned upload was used for another job."""

    code = "upload-used"


class UploadsNotConfiguredError(StateError):
    """The service has no bucket, so files are sent with the job."""

    code = "uploads-not-configured"
