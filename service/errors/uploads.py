"""A presigned upload cannot be made, or cannot be used for a job."""

from service.errors.base import ServiceError


class UploadError(ServiceError):
    """A presigned upload cannot be made, or cannot be used for a job."""

    code, status, title = "upload-problem", 409, "Upload cannot be used"


class UploadsNotConfiguredError(UploadError):
    """The service has no bucket, so files are sent with the job."""

    code, status, title = "uploads-not-configured", 404, "Presigned uploads not available"


class UploadNotFoundError(UploadError):
    """The tenant has no presigned upload with this id, or its record has expired."""

    code, status, title = "upload-not-found", 404, "Upload not found"


class UploadUsedError(UploadError):
    """The presigned upload was used for another job."""

    code, title = "upload-used", "Upload used before"


class UploadMissingError(UploadError):
    """No file has been sent to the URL of the presigned upload."""

    code, title, retryable = "upload-missing", "Upload not complete", True
    retry_after = 1


class UploadExpiredError(UploadError):
    """The time in which the presigned upload could be used is over."""

    code, status, title = "upload-expired", 410, "Upload expired"


class UploadMismatchError(UploadError):
    """The file in the bucket has another size or hash than was announced."""

    code, status, title = "upload-mismatch", 422, "Upload differs from its announcement"
