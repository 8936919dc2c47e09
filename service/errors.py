# ruff: noqa: N818 - errors are named for what happened
"""The service's errors, one tree. Each knows its code, HTTP status, public title and retryability.

ServiceError                        500 internal-error
├── RequestRefused                  4xx: the request must change
│   ├── InvalidRequest              400 invalid-request
│   ├── InvalidMultipart            400 invalid-multipart
│   ├── UploadInterrupted           400 upload-interrupted
│   ├── NotFound                    404 not-found
│   ├── UnknownTask                 404 unknown-task
│   ├── MethodNotAllowed            405 method-not-allowed
│   ├── BodyTooLarge                413 body-too-large
│   ├── UnsupportedMediaType        415 unsupported-media-type
│   ├── RangeNotSatisfiable         416 range-not-satisfiable
│   ├── MissingFile                 422 missing-file
│   ├── MissingTask                 422 missing-task
│   ├── TooManyFiles                422 too-many-files
│   ├── UnknownParameter            422 unknown-parameter
│   ├── DuplicateParameter          422 duplicate-parameter
│   ├── ResultTooLarge              422 result-too-large
│   └── ImageRefused                hiir.imaging's errors, code for code
│       ├── UnsupportedImageFormat  415 unsupported-image-format
│       ├── EmptyImage              422 empty-image
│       ├── ImageTruncated          422 image-truncated
│       ├── ImageCorrupt            422 image-corrupt
│       ├── ImageTooLarge           422 image-too-large
│       ├── ImageTooSmall           422 image-too-small
│       ├── TooManyFrames           422 too-many-frames
│       └── UnsupportedPixelMode    422 unsupported-pixel-mode
├── JobProblem                      what a job's id cannot give
│   ├── JobNotFound                 404 job-not-found
│   ├── JobNotFinished              409 job-not-finished (retryable)
│   ├── JobCanceled                 409 job-canceled
│   ├── JobFailed                   409, with the code of the job's own failure
│   └── ResultExpired               410 result-expired
├── Unavailable                     503: nothing is wrong with the request (retryable)
│   ├── StoreUnavailable            503 store-unavailable
│   ├── QueueUnavailable            503 queue-unavailable
│   ├── InferenceUnavailable        503 inference-unavailable
│   ├── QueueFull                   503 queue-full
│   └── ServerBusy                  503 server-busy
└── ProcessingFailed                how an accepted job can end; kept with the job
    ├── WorkerLost                  500 worker-lost (retryable)
    ├── JobTimedOut                 500 timeout
    ├── OutOfMemory                 500 out-of-memory
    ├── InputExpired                500 input-expired (retryable)
    ├── InferenceFailed             500 inference-failed
    ├── ModelMismatch               500 model-mismatch
    ├── ModelOutputInvalid          500 model-output-invalid (retryable)
    └── StoreFault                  500 store-fault
"""

from collections.abc import Iterator, Mapping, Sequence

from hiir.imaging import ImagingError


class ServiceError(Exception):
    """Root of the tree, and on its own the error that says nothing but "it is our fault".

    `detail` is shown to the client: it must not carry paths, addresses or a third party's text.
    """

    code: str = "internal-error"
    status: int = 500
    title: str = "Internal error"
    retryable: bool = False
    retry_after: int | None = None
    """Whole seconds for the `Retry-After` header."""

    def __init__(
        self,
        detail: str = "",
        *,
        limit: int | str | None = None,
        actual: int | str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.limit = limit
        self.actual = actual
        self.errors = tuple(errors)


class RequestRefused(ServiceError):
    """The request must change before it can succeed."""

    code, status, title = "invalid-request", 400, "Invalid request"


class InvalidRequest(RequestRefused):
    """The framework could not make sense of the request."""


class InvalidMultipart(RequestRefused):
    """The form's framing is broken or has too many parts."""

    code, title = "invalid-multipart", "Malformed form"


class UploadInterrupted(RequestRefused):
    """The client went away in the middle of the body."""

    code, title = "upload-interrupted", "Upload interrupted"


class NotFound(RequestRefused):
    """No route has this path."""

    code, status, title = "not-found", 404, "No such page"


class UnknownTask(RequestRefused):
    """No served model has this name."""

    code, status, title = "unknown-task", 404, "Unknown task"


class MethodNotAllowed(RequestRefused):
    """The path exists, but not with this method."""

    code, status, title = "method-not-allowed", 405, "Method not allowed"


class BodyTooLarge(RequestRefused):
    """More bytes than a request may carry, announced or received."""

    code, status, title = "body-too-large", 413, "Request body too large"


class UnsupportedMediaType(RequestRefused):
    """Neither a form nor an image body."""

    code, status, title = "unsupported-media-type", 415, "Unsupported media type"


class RangeNotSatisfiable(RequestRefused):
    """The range that was asked for begins behind the file's end."""

    code, status, title = "range-not-satisfiable", 416, "Range not satisfiable"


class MissingFile(RequestRefused):
    """The form has no file."""

    code, status, title = "missing-file", 422, "No file was sent"


class MissingTask(RequestRefused):
    """The request names no task."""

    code, status, title = "missing-task", 422, "No task was named"


class TooManyFiles(RequestRefused):
    """One job restores one image."""

    code, status, title = "too-many-files", 422, "Too many files"


class UnknownParameter(RequestRefused):
    """A form field or query parameter that the service does not know."""

    code, status, title = "unknown-parameter", 422, "Unknown parameter"


class DuplicateParameter(RequestRefused):
    """A parameter that was given more than once."""

    code, status, title = "duplicate-parameter", 422, "Duplicate parameter"


class ResultTooLarge(RequestRefused):
    """The restored image would be, or turned out, larger than a result may be."""

    code, status, title = "result-too-large", 422, "Result too large"


class ImageRefused(RequestRefused):
    """The bytes are not an image that the service restores."""

    code, status, title = "image-refused", 422, "Image refused"


class UnsupportedImageFormat(ImageRefused):
    """Not one of the formats on the list, whatever its name says."""

    code, status, title = "unsupported-image-format", 415, "Unsupported image format"


class EmptyImage(ImageRefused):
    """No bytes at all."""

    code, title = "empty-image", "Empty file"


class ImageTruncated(ImageRefused):
    """The file ends before the image does."""

    code, title = "image-truncated", "Truncated image"


class ImageCorrupt(ImageRefused):
    """The format is known, the content is broken."""

    code, title = "image-corrupt", "Corrupt image"


class ImageTooLarge(ImageRefused):
    """Too many pixels, or too long a side."""

    code, title = "image-too-large", "Image too large"


class ImageTooSmall(ImageRefused):
    """A side is shorter than a model can use."""

    code, title = "image-too-small", "Image too small"


class TooManyFrames(ImageRefused):
    """An animation or a file of several pages."""

    code, title = "too-many-frames", "More than one frame"


class UnsupportedPixelMode(ImageRefused):
    """A bit depth or colour mode that would lose something."""

    code, title = "unsupported-pixel-mode", "Unsupported pixel mode"


class JobProblem(ServiceError):
    """What was asked of a job cannot be given."""

    code, status, title = "job-problem", 409, "The job cannot do that"


class JobNotFound(JobProblem):
    """No job has this id, or its record has expired."""

    code, status, title = "job-not-found", 404, "No such job"


class JobNotFinished(JobProblem):
    """The result is not there yet."""

    code, title, retryable = "job-not-finished", "Job not finished", True
    retry_after = 1


class JobCanceled(JobProblem):
    """The job was canceled and has no result."""

    code, title = "job-canceled", "Job canceled"


class JobFailed(JobProblem):
    """The job failed: stands for its own problem, with the status that the result route gives."""

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


class ResultExpired(JobProblem):
    """The result existed and is gone, by time or by request."""

    code, status, title = "result-expired", 410, "Result gone"


class Unavailable(ServiceError):
    """Nothing is wrong with the request; the service cannot take it now."""

    code, status, title, retryable = "unavailable", 503, "Service unavailable", True
    retry_after = 5


class StoreUnavailable(Unavailable):
    """Redis does not answer, or refuses writes."""

    code, title = "store-unavailable", "Job store unavailable"


class QueueUnavailable(Unavailable):
    """The broker did not take the message."""

    code, title = "queue-unavailable", "Queue unavailable"


class InferenceUnavailable(Unavailable):
    """Triton does not answer or is not ready."""

    code, title = "inference-unavailable", "Inference server unavailable"


class QueueFull(Unavailable):
    """More jobs wait than can be done in a sensible time."""

    code, title = "queue-full", "Queue full"
    retry_after = 30


class ServerBusy(Unavailable):
    """Too many uploads at once."""

    code, title = "server-busy", "Too many uploads at once"
    retry_after = 2


class ProcessingFailed(ServiceError):
    """How an accepted job can end without a result."""

    code, title = "processing-failed", "Processing failed"


class WorkerLost(ProcessingFailed):
    """Every worker that took the job died over it."""

    code, title, retryable = "worker-lost", "Worker lost", True


class JobTimedOut(ProcessingFailed):
    """The job ran longer than a job may."""

    code, title = "timeout", "Job timed out"


class OutOfMemory(ProcessingFailed):
    """The worker had not enough memory for the image."""

    code, title = "out-of-memory", "Out of memory"


class InputExpired(ProcessingFailed):
    """The upload was gone before a worker could take the job."""

    code, title, retryable = "input-expired", "Input expired", True


class InferenceFailed(ProcessingFailed):
    """Triton answered, and refused the tile."""

    code, title = "inference-failed", "Inference failed"


class ModelMismatch(ProcessingFailed):
    """Triton serves another model than the repository's contract describes."""

    code, title = "model-mismatch", "Model does not match its contract"


class ModelOutputInvalid(ProcessingFailed):
    """The model's answer cannot be an image."""

    code, title, retryable = "model-output-invalid", "Invalid model output", True


class StoreFault(ProcessingFailed):
    """Redis answered, and refused a command: a defect of ours or of its set-up."""

    code, title = "store-fault", "Job store fault"


def error_types() -> Iterator[type[ServiceError]]:
    """Every error that a client can meet: the tree's leaves, and its root for what is left."""
    yield ServiceError
    yield from _leaves(ServiceError)


def translate_imaging_error(error: ImagingError) -> ServiceError:
    """The service's error for one of `hiir.imaging`: same code, detail, limit and actual value."""
    kinds: tuple[type[ServiceError], ...] = (*_leaves(ImageRefused), ModelOutputInvalid)
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
