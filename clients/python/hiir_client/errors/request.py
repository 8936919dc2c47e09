"""Errors of requests that must change."""

from hiir_client.errors.base import ApiError


class RequestError(ApiError):
    """The request must change before it is sent again."""


class InvalidRequestError(RequestError):
    """The framework could not parse the request."""

    code = "invalid-request"


class InvalidMultipartError(RequestError):
    """The form's framing is broken, or it has too many parts."""

    code = "invalid-multipart"


class UploadInterruptedError(RequestError):
    """The client disconnected before it had sent the whole body."""

    code = "upload-interrupted"


class BodyTooSlowError(RequestError):
    """The body arrived too slowly."""

    code = "body-too-slow"


class NotFoundError(RequestError):
    """No route has this path."""

    code = "not-found"


class UnknownTaskError(RequestError):
    """No task or model has this name."""

    code = "unknown-task"


class MethodNotAllowedError(RequestError):
    """The path does not support this method."""

    code = "method-not-allowed"


class NotAcceptableError(RequestError):
    """The result is not available in any media type that `Accept` lists."""

    code = "not-acceptable"


class BodyTooLargeError(RequestError):
    """The body, or its announced length, exceeds the limit."""

    code = "body-too-large"


class UrlTooLongError(RequestError):
    """The path and the query are longer than the limit."""

    code = "url-too-long"


class UnsupportedMediaTypeError(RequestError):
    """The body is neither a form nor an image."""

    code = "unsupported-media-type"


class RangeNotSatisfiableError(RequestError):
    """The requested range starts after the end of the file."""

    code = "range-not-satisfiable"


class MissingFileError(RequestError):
    """The form has no file."""

    code = "missing-file"


class MissingTaskError(RequestError):
    """The request names no task."""

    code = "missing-task"


class MissingParameterError(RequestError):
    """The task requires a parameter that is missing."""

    code = "missing-parameter"


class NoModelForImageError(RequestError):
    """No model of the task takes this kind of image."""

    code = "no-model-for-image"


class ViewsDifferError(RequestError):
    """The two views of a dual-pixel sensor differ in size, format, depth or color."""

    code = "views-differ"


class NoValidFileError(RequestError):
    """None of a batch's files can be restored; `errors` has the reason for each."""

    code = "no-valid-file"


class TooManyFilesError(RequestError):
    """The form has more files than the request may have."""

    code = "too-many-files"


class UnknownParameterError(RequestError):
    """The service does not know this form field or query parameter."""

    code = "unknown-parameter"


class DuplicateParameterError(RequestError):
    """A parameter was given more than once."""

    code = "duplicate-parameter"


class InvalidParameterError(RequestError):
    """The value of a parameter is not valid."""

    code = "invalid-parameter"


class InvalidJobIdError(RequestError):
    """The job id that the client chose is not valid."""

    code = "invalid-job-id"


class InvalidWebhookUrlError(RequestError):
    """The webhook URL is not valid or not allowed."""

    code = "invalid-webhook-url"


class InvalidCursorError(RequestError):
    """The cursor does not come from a page of the list."""

    code = "invalid-cursor"


class IdempotencyKeyInvalidError(RequestError):
    """The idempotency key is empty, too long, or not visible ASCII."""

    code = "idempotency-key-invalid"


class IdempotencyKeyReusedError(RequestError):
    """The idempotency key was used before with another file or other parameters."""

    code = "idempotency-key-reused"


class ResultTooLargeError(RequestError):
    """The restored image exceeds the limits for a result."""

    code = "result-too-large"
