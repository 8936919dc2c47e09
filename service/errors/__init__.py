"""The tree of errors. Each has a code, an HTTP status, a title, and says whether to retry.

ServiceError                             500 internal-error
├── ClientError                          4xx: the request must change
│   ├── InvalidRequestError              400 invalid-request
│   ├── InvalidMultipartError            400 invalid-multipart
│   ├── UploadInterruptedError           400 upload-interrupted
│   ├── NotFoundError                    404 not-found
│   ├── UnknownTaskError                 404 unknown-task
│   ├── MethodNotAllowedError            405 method-not-allowed
│   ├── NotAcceptableError               406 not-acceptable
│   ├── BodyTooSlowError                 408 body-too-slow
│   ├── BodyTooLargeError                413 body-too-large
│   ├── UrlTooLongError                  414 url-too-long
│   ├── UnsupportedMediaTypeError        415 unsupported-media-type
│   ├── RangeNotSatisfiableError         416 range-not-satisfiable
│   ├── MissingFileError                 422 missing-file
│   ├── MissingTaskError                 422 missing-task
│   ├── MissingParameterError            422 missing-parameter
│   ├── NoModelForImageError             422 no-model-for-image
│   ├── NoValidFileError                 422 no-valid-file
│   ├── TooManyFilesError                422 too-many-files
│   ├── ViewsDifferError                 422 views-differ
│   ├── UnknownParameterError            422 unknown-parameter
│   ├── DuplicateParameterError          422 duplicate-parameter
│   ├── InvalidParameterError            422 invalid-parameter
│   ├── InvalidJobIdError                422 invalid-job-id
│   ├── InvalidWebhookUrlError           422 invalid-webhook-url
│   ├── InvalidCursorError               422 invalid-cursor
│   ├── IdempotencyKeyInvalidError       422 idempotency-key-invalid
│   ├── IdempotencyKeyReusedError        422 idempotency-key-reused
│   ├── ResultTooLargeError              422 result-too-large
│   └── ImageError                       hiir.imaging's errors, code for code
│       ├── UnsupportedImageFormatError  415 unsupported-image-format
│       ├── EmptyImageError              422 empty-image
│       ├── ImageTruncatedError          422 image-truncated
│       ├── ImageCorruptError            422 image-corrupt
│       ├── ImageTooLargeError           422 image-too-large
│       ├── ImageTooSmallError           422 image-too-small
│       ├── TooManyFramesError           422 too-many-frames
│       ├── FrameNotFoundError           422 frame-not-found
│       ├── DecodingTimeoutError         422 decoding-timeout
│       ├── OutputUnsupportedError       422 output-unsupported
│       └── UnsupportedPixelModeError    422 unsupported-pixel-mode
├── AccessDeniedError                    the client lacks a valid key or scope: WWW-Authenticate
│   ├── KeyMissingError                  401 key-missing
│   ├── KeyInvalidError                  401 key-invalid
│   ├── ScopeMissingError                403 scope-missing
│   ├── OpenModeError                    403 open-mode
│   ├── ForeignRequestError              403 foreign-request
│   └── LinkInvalidError                 403 link-invalid
├── KeyStateError                        conflicts with the tenant's API keys
│   ├── KeyNotFoundError                 404 key-not-found
│   └── TooManyKeysError                 409 too-many-keys
├── JobStateError                        conflicts with the state of a job or batch
│   ├── JobNotFoundError                 404 job-not-found
│   ├── BatchNotFoundError               404 batch-not-found
│   ├── BatchNotFinishedError            409 batch-not-finished (retryable)
│   ├── DeliveryNotFoundError            404 delivery-not-found
│   ├── JobNotFinishedError              409 job-not-finished (retryable)
│   ├── JobCanceledError                 409 job-canceled
│   ├── JobAlreadyTerminalError          409 job-already-terminal
│   ├── JobIdTakenError                  409 job-id-taken
│   ├── SubmissionInProgressError        409 submission-in-progress (retryable)
│   ├── JobFailedError                   409, with the code of the job's own failure
│   ├── PreviewNotFoundError             404 preview-not-found
│   └── ResultExpiredError               410 result-expired
├── UploadError                          a presigned upload cannot be made or used
│   ├── UploadsNotConfiguredError        404 uploads-not-configured
│   ├── UploadNotFoundError              404 upload-not-found
│   ├── UploadUsedError                  409 upload-used
│   ├── UploadMissingError               409 upload-missing (retryable)
│   ├── UploadExpiredError               410 upload-expired
│   └── UploadMismatchError              422 upload-mismatch
├── TooManyRequestsError                 429: the client exceeds a quota (retryable)
│   ├── RateLimitError                   429 rate-limited
│   ├── TooManyJobsError                 429 too-many-jobs
│   ├── TooManyUploadsError              429 too-many-uploads
│   ├── TooManyRedeliveriesError         429 too-many-redeliveries
│   └── QuotaExceededError               429 quota-exceeded
├── UnavailableError                     503: the service cannot take the request now (retryable)
│   ├── StoreUnavailableError            503 store-unavailable
│   ├── StoreFullError                   503 store-full
│   ├── DiskFullError                    503 disk-full
│   ├── QueueUnavailableError            503 queue-unavailable
│   ├── InferenceUnavailableError        503 inference-unavailable
│   ├── QueueFullError                   503 queue-full
│   ├── WaitTooLongError                 503 wait-too-long
│   └── ServerBusyError                  503 server-busy
└── ProcessingError                      an accepted job failed; stored with the job
    ├── WorkerLostError                  500 worker-lost (retryable)
    ├── JobTimeoutError                  500 timeout
    ├── OutOfMemoryError                 500 out-of-memory
    ├── GpuOutOfMemoryError              500 gpu-out-of-memory (retryable)
    ├── InputExpiredError                500 input-expired (retryable)
    ├── InferenceFailedError             500 inference-failed
    ├── ModelMismatchError               500 model-mismatch (retryable)
    ├── ModelOutputInvalidError          500 model-output-invalid (retryable)
    ├── CodecFailedError                 500 codec-failed (retryable)
    └── StoreFaultError                  500 store-fault
"""

from collections.abc import Iterator

from hiir.imaging import ImagingError
from service.errors.access import (
    AccessDeniedError,
    ForeignRequestError,
    KeyInvalidError,
    KeyMissingError,
    KeyNotFoundError,
    KeyStateError,
    LinkInvalidError,
    OpenModeError,
    ScopeMissingError,
    TooManyKeysError,
)
from service.errors.base import ServiceError
from service.errors.client import (
    BodyTooLargeError,
    BodyTooSlowError,
    ClientError,
    DecodingTimeoutError,
    DuplicateParameterError,
    EmptyImageError,
    FrameNotFoundError,
    IdempotencyKeyInvalidError,
    IdempotencyKeyReusedError,
    ImageCorruptError,
    ImageError,
    ImageTooLargeError,
    ImageTooSmallError,
    ImageTruncatedError,
    InvalidCursorError,
    InvalidJobIdError,
    InvalidMultipartError,
    InvalidParameterError,
    InvalidRequestError,
    InvalidWebhookUrlError,
    MethodNotAllowedError,
    MissingFileError,
    MissingParameterError,
    MissingTaskError,
    NoModelForImageError,
    NotAcceptableError,
    NotFoundError,
    NoValidFileError,
    OutputUnsupportedError,
    RangeNotSatisfiableError,
    ResultTooLargeError,
    TooManyFilesError,
    TooManyFramesError,
    UnknownParameterError,
    UnknownTaskError,
    UnsupportedImageFormatError,
    UnsupportedMediaTypeError,
    UnsupportedPixelModeError,
    UploadInterruptedError,
    UrlTooLongError,
    ViewsDifferError,
)
from service.errors.job_state import (
    BatchNotFinishedError,
    BatchNotFoundError,
    DeliveryNotFoundError,
    JobAlreadyTerminalError,
    JobCanceledError,
    JobFailedError,
    JobIdTakenError,
    JobNotFinishedError,
    JobNotFoundError,
    JobStateError,
    PreviewNotFoundError,
    ResultExpiredError,
    SubmissionInProgressError,
)
from service.errors.processing import (
    CodecFailedError,
    GpuOutOfMemoryError,
    InferenceFailedError,
    InputExpiredError,
    JobTimeoutError,
    ModelMismatchError,
    ModelOutputInvalidError,
    OutOfMemoryError,
    ProcessingError,
    StoreFaultError,
    WorkerLostError,
)
from service.errors.rate_limits import (
    QuotaExceededError,
    RateLimitError,
    TooManyJobsError,
    TooManyRedeliveriesError,
    TooManyRequestsError,
    TooManyUploadsError,
)
from service.errors.unavailable import (
    DiskFullError,
    InferenceUnavailableError,
    QueueFullError,
    QueueUnavailableError,
    ServerBusyError,
    StoreFullError,
    StoreUnavailableError,
    UnavailableError,
    WaitTooLongError,
)
from service.errors.uploads import (
    UploadError,
    UploadExpiredError,
    UploadMismatchError,
    UploadMissingError,
    UploadNotFoundError,
    UploadsNotConfiguredError,
    UploadUsedError,
)

__all__ = [
    "AccessDeniedError",
    "BatchNotFinishedError",
    "BatchNotFoundError",
    "BodyTooLargeError",
    "BodyTooSlowError",
    "ClientError",
    "CodecFailedError",
    "DecodingTimeoutError",
    "DeliveryNotFoundError",
    "DiskFullError",
    "DuplicateParameterError",
    "EmptyImageError",
    "ForeignRequestError",
    "FrameNotFoundError",
    "GpuOutOfMemoryError",
    "IdempotencyKeyInvalidError",
    "IdempotencyKeyReusedError",
    "ImageCorruptError",
    "ImageError",
    "ImageTooLargeError",
    "ImageTooSmallError",
    "ImageTruncatedError",
    "InferenceFailedError",
    "InferenceUnavailableError",
    "InputExpiredError",
    "InvalidCursorError",
    "InvalidJobIdError",
    "InvalidMultipartError",
    "InvalidParameterError",
    "InvalidRequestError",
    "InvalidWebhookUrlError",
    "JobAlreadyTerminalError",
    "JobCanceledError",
    "JobFailedError",
    "JobIdTakenError",
    "JobNotFinishedError",
    "JobNotFoundError",
    "JobStateError",
    "JobTimeoutError",
    "KeyInvalidError",
    "KeyMissingError",
    "KeyNotFoundError",
    "KeyStateError",
    "LinkInvalidError",
    "MethodNotAllowedError",
    "MissingFileError",
    "MissingParameterError",
    "MissingTaskError",
    "ModelMismatchError",
    "ModelOutputInvalidError",
    "NoModelForImageError",
    "NoValidFileError",
    "NotAcceptableError",
    "NotFoundError",
    "OpenModeError",
    "OutOfMemoryError",
    "OutputUnsupportedError",
    "PreviewNotFoundError",
    "ProcessingError",
    "QueueFullError",
    "QueueUnavailableError",
    "QuotaExceededError",
    "RangeNotSatisfiableError",
    "RateLimitError",
    "ResultExpiredError",
    "ResultTooLargeError",
    "ScopeMissingError",
    "ServerBusyError",
    "ServiceError",
    "StoreFaultError",
    "StoreFullError",
    "StoreUnavailableError",
    "SubmissionInProgressError",
    "TooManyFilesError",
    "TooManyFramesError",
    "TooManyJobsError",
    "TooManyKeysError",
    "TooManyRedeliveriesError",
    "TooManyRequestsError",
    "TooManyUploadsError",
    "UnavailableError",
    "UnknownParameterError",
    "UnknownTaskError",
    "UnsupportedImageFormatError",
    "UnsupportedMediaTypeError",
    "UnsupportedPixelModeError",
    "UploadError",
    "UploadExpiredError",
    "UploadInterruptedError",
    "UploadMismatchError",
    "UploadMissingError",
    "UploadNotFoundError",
    "UploadUsedError",
    "UploadsNotConfiguredError",
    "UrlTooLongError",
    "ViewsDifferError",
    "WaitTooLongError",
    "WorkerLostError",
    "error_types",
    "job_error_types",
    "translate_imaging_error",
]


def error_types() -> Iterator[type[ServiceError]]:
    """Yield every error that a client can receive: the leaves of the tree, and its root."""
    yield ServiceError
    yield from _leaves(ServiceError)


def job_error_types() -> Iterator[type[ServiceError]]:
    """Yield every error that a job can end with: those of its image, the service and quotas."""
    yield from (ServiceError, ResultTooLargeError)
    for kind in (ImageError, ProcessingError, UnavailableError, TooManyRequestsError):
        yield from _leaves(kind)


def translate_imaging_error(error: ImagingError) -> ServiceError:
    """Return the service's error with the code and detail of one of `hiir.imaging`."""
    kinds: tuple[type[ServiceError], ...] = (
        *_leaves(ImageError),
        CodecFailedError,
        DiskFullError,
        ModelOutputInvalidError,
    )
    for kind in kinds:
        if kind.code == error.code:
            return kind(error.detail, limit=error.limit, actual=error.actual)
    return ServiceError()


def _leaves(parent: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for child in parent.__subclasses__():
        if child.__subclasses__():
            yield from _leaves(child)
        else:
            yield child
