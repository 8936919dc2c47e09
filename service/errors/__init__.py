"""The service's errors, one tree. Each knows its code, HTTP status, public title and retryability.

ServiceError                        500 internal-error
├── RequestRefused                  4xx: the request must change
│   ├── InvalidRequest              400 invalid-request
│   ├── InvalidMultipart            400 invalid-multipart
│   ├── UploadInterrupted           400 upload-interrupted
│   ├── NotFound                    404 not-found
│   ├── UnknownTask                 404 unknown-task
│   ├── MethodNotAllowed            405 method-not-allowed
│   ├── NotAcceptable               406 not-acceptable
│   ├── BodyTooLarge                413 body-too-large
│   ├── UnsupportedMediaType        415 unsupported-media-type
│   ├── RangeNotSatisfiable         416 range-not-satisfiable
│   ├── MissingFile                 422 missing-file
│   ├── MissingTask                 422 missing-task
│   ├── MissingParameter            422 missing-parameter
│   ├── NoModelForImage             422 no-model-for-image
│   ├── TooManyFiles                422 too-many-files
│   ├── ViewsDiffer                 422 views-differ
│   ├── UnknownParameter            422 unknown-parameter
│   ├── DuplicateParameter          422 duplicate-parameter
│   ├── InvalidParameter            422 invalid-parameter
│   ├── InvalidJobId                422 invalid-job-id
│   ├── InvalidWebhookUrl           422 invalid-webhook-url
│   ├── InvalidCursor               422 invalid-cursor
│   ├── IdempotencyKeyInvalid       422 idempotency-key-invalid
│   ├── IdempotencyKeyReused        422 idempotency-key-reused
│   ├── ResultTooLarge              422 result-too-large
│   └── ImageRefused                hiir.imaging's errors, code for code
│       ├── UnsupportedImageFormat  415 unsupported-image-format
│       ├── EmptyImage              422 empty-image
│       ├── ImageTruncated          422 image-truncated
│       ├── ImageCorrupt            422 image-corrupt
│       ├── ImageTooLarge           422 image-too-large
│       ├── ImageTooSmall           422 image-too-small
│       ├── TooManyFrames           422 too-many-frames
│       ├── FrameNotFound           422 frame-not-found
│       ├── DecodingTimeout         422 decoding-timeout
│       ├── OutputUnsupported       422 output-unsupported
│       └── UnsupportedPixelMode    422 unsupported-pixel-mode
├── AccessDenied                    who asks may not: WWW-Authenticate says what is wanted
│   ├── KeyMissing                  401 key-missing
│   ├── KeyInvalid                  401 key-invalid
│   ├── ScopeMissing                403 scope-missing
│   └── OpenMode                    403 open-mode
├── KeyProblem                      what a key's id cannot give
│   ├── KeyNotFound                 404 key-not-found
│   └── TooManyKeys                 409 too-many-keys
├── JobProblem                      what a job's id cannot give
│   ├── JobNotFound                 404 job-not-found
│   ├── BatchNotFound               404 batch-not-found
│   ├── BatchNotFinished            409 batch-not-finished (retryable)
│   ├── DeliveryNotFound            404 delivery-not-found
│   ├── JobNotFinished              409 job-not-finished (retryable)
│   ├── JobCanceled                 409 job-canceled
│   ├── JobAlreadyTerminal          409 job-already-terminal
│   ├── JobIdTaken                  409 job-id-taken
│   ├── SubmissionInProgress        409 submission-in-progress (retryable)
│   ├── JobFailed                   409, with the code of the job's own failure
│   └── ResultExpired               410 result-expired
├── Overuse                         429: this client asks for more than one may (retryable)
│   ├── RateLimited                 429 rate-limited
│   ├── TooManyJobs                 429 too-many-jobs
│   └── QuotaExceeded               429 quota-exceeded
├── Unavailable                     503: nothing is wrong with the request (retryable)
│   ├── StoreUnavailable            503 store-unavailable
│   ├── QueueUnavailable            503 queue-unavailable
│   ├── InferenceUnavailable        503 inference-unavailable
│   ├── QueueFull                   503 queue-full
│   ├── WaitTooLong                 503 wait-too-long
│   └── ServerBusy                  503 server-busy
└── ProcessingFailed                how an accepted job can end; kept with the job
    ├── WorkerLost                  500 worker-lost (retryable)
    ├── JobTimedOut                 500 timeout
    ├── OutOfMemory                 500 out-of-memory
    ├── GpuOutOfMemory              500 gpu-out-of-memory (retryable)
    ├── InputExpired                500 input-expired (retryable)
    ├── InferenceFailed             500 inference-failed
    ├── ModelMismatch               500 model-mismatch
    ├── ModelOutputInvalid          500 model-output-invalid (retryable)
    ├── CodecFailed                 500 codec-failed (retryable)
    └── StoreFault                  500 store-fault
"""

from collections.abc import Iterator

from hiir.imaging import ImagingError
from service.errors.access import (
    AccessDenied,
    KeyInvalid,
    KeyMissing,
    KeyNotFound,
    KeyProblem,
    OpenMode,
    ScopeMissing,
    TooManyKeys,
)
from service.errors.base import ServiceError
from service.errors.client import (
    BodyTooLarge,
    DecodingTimeout,
    DuplicateParameter,
    EmptyImage,
    FrameNotFound,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    ImageCorrupt,
    ImageRefused,
    ImageTooLarge,
    ImageTooSmall,
    ImageTruncated,
    InvalidCursor,
    InvalidJobId,
    InvalidMultipart,
    InvalidParameter,
    InvalidRequest,
    InvalidWebhookUrl,
    MethodNotAllowed,
    MissingFile,
    MissingParameter,
    MissingTask,
    NoModelForImage,
    NotAcceptable,
    NotFound,
    OutputUnsupported,
    RangeNotSatisfiable,
    RequestRefused,
    ResultTooLarge,
    TooManyFiles,
    TooManyFrames,
    UnknownParameter,
    UnknownTask,
    UnsupportedImageFormat,
    UnsupportedMediaType,
    UnsupportedPixelMode,
    UploadInterrupted,
    ViewsDiffer,
)
from service.errors.job_state import (
    BatchNotFinished,
    BatchNotFound,
    DeliveryNotFound,
    JobAlreadyTerminal,
    JobCanceled,
    JobFailed,
    JobIdTaken,
    JobNotFinished,
    JobNotFound,
    JobProblem,
    ResultExpired,
    SubmissionInProgress,
)
from service.errors.processing import (
    CodecFailed,
    GpuOutOfMemory,
    InferenceFailed,
    InputExpired,
    JobTimedOut,
    ModelMismatch,
    ModelOutputInvalid,
    OutOfMemory,
    ProcessingFailed,
    StoreFault,
    WorkerLost,
)
from service.errors.rate_limits import Overuse, QuotaExceeded, RateLimited, TooManyJobs
from service.errors.unavailable import (
    InferenceUnavailable,
    QueueFull,
    QueueUnavailable,
    ServerBusy,
    StoreUnavailable,
    Unavailable,
    WaitTooLong,
)

__all__ = [
    "AccessDenied",
    "BatchNotFinished",
    "BatchNotFound",
    "BodyTooLarge",
    "CodecFailed",
    "DecodingTimeout",
    "DeliveryNotFound",
    "DuplicateParameter",
    "EmptyImage",
    "FrameNotFound",
    "GpuOutOfMemory",
    "IdempotencyKeyInvalid",
    "IdempotencyKeyReused",
    "ImageCorrupt",
    "ImageRefused",
    "ImageTooLarge",
    "ImageTooSmall",
    "ImageTruncated",
    "InferenceFailed",
    "InferenceUnavailable",
    "InputExpired",
    "InvalidCursor",
    "InvalidJobId",
    "InvalidMultipart",
    "InvalidParameter",
    "InvalidRequest",
    "InvalidWebhookUrl",
    "JobAlreadyTerminal",
    "JobCanceled",
    "JobFailed",
    "JobIdTaken",
    "JobNotFinished",
    "JobNotFound",
    "JobProblem",
    "JobTimedOut",
    "KeyInvalid",
    "KeyMissing",
    "KeyNotFound",
    "KeyProblem",
    "MethodNotAllowed",
    "MissingFile",
    "MissingParameter",
    "MissingTask",
    "ModelMismatch",
    "ModelOutputInvalid",
    "NoModelForImage",
    "NotAcceptable",
    "NotFound",
    "OpenMode",
    "OutOfMemory",
    "OutputUnsupported",
    "Overuse",
    "ProcessingFailed",
    "QueueFull",
    "QueueUnavailable",
    "QuotaExceeded",
    "RangeNotSatisfiable",
    "RateLimited",
    "RequestRefused",
    "ResultExpired",
    "ResultTooLarge",
    "ScopeMissing",
    "ServerBusy",
    "ServiceError",
    "StoreFault",
    "StoreUnavailable",
    "SubmissionInProgress",
    "TooManyFiles",
    "TooManyFrames",
    "TooManyJobs",
    "TooManyKeys",
    "Unavailable",
    "UnknownParameter",
    "UnknownTask",
    "UnsupportedImageFormat",
    "UnsupportedMediaType",
    "UnsupportedPixelMode",
    "UploadInterrupted",
    "ViewsDiffer",
    "WaitTooLong",
    "WorkerLost",
    "error_types",
    "translate_imaging_error",
]


def error_types() -> Iterator[type[ServiceError]]:
    """Every error that a client can meet: the tree's leaves, and its root for what is left."""
    yield ServiceError
    yield from _leaves(ServiceError)


def translate_imaging_error(error: ImagingError) -> ServiceError:
    """The service's error for one of `hiir.imaging`: same code, detail, limit and actual value."""
    kinds: tuple[type[ServiceError], ...] = (
        *_leaves(ImageRefused),
        CodecFailed,
        ModelOutputInvalid,
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
