"""Errors of the request (4xx): it must change before it can succeed."""

from service.errors.base import ServiceError


class ClientError(ServiceError):
    """The request must change before it can succeed."""

    code, status, title = "invalid-request", 400, "Invalid request"


class InvalidRequestError(ClientError):
    """The framework could not parse the request."""


class InvalidMultipartError(ClientError):
    """The form's framing is broken, or it has too many parts."""

    code, title = "invalid-multipart", "Malformed form"


class UploadInterruptedError(ClientError):
    """The client disconnected before it had sent the whole body."""

    code, title = "upload-interrupted", "Upload interrupted"


class BodyTooSlowError(ClientError):
    """The body arrived too slowly."""

    code, status, title = "body-too-slow", 408, "Request body too slow"


class NotFoundError(ClientError):
    """No route has this path."""

    code, status, title = "not-found", 404, "Not found"


class UnknownTaskError(ClientError):
    """No task or model has this name."""

    code, status, title = "unknown-task", 404, "Unknown task"


class MethodNotAllowedError(ClientError):
    """The path does not support this method."""

    code, status, title = "method-not-allowed", 405, "Method not allowed"


class NotAcceptableError(ClientError):
    """The result is not available in any media type that `Accept` lists."""

    code, status, title = "not-acceptable", 406, "Not acceptable"


class BodyTooLargeError(ClientError):
    """The body, or its announced length, exceeds the limit."""

    code, status, title = "body-too-large", 413, "Request body too large"


class UrlTooLongError(ClientError):
    """The path and the query are longer than the limit."""

    code, status, title = "url-too-long", 414, "URL too long"


class UnsupportedMediaTypeError(ClientError):
    """The body is neither a form nor an image."""

    code, status, title = "unsupported-media-type", 415, "Unsupported media type"


class RangeNotSatisfiableError(ClientError):
    """The requested range starts after the end of the file."""

    code, status, title = "range-not-satisfiable", 416, "Range not satisfiable"


class MissingFileError(ClientError):
    """The form has no file."""

    code, status, title = "missing-file", 422, "Missing file"


class MissingTaskError(ClientError):
    """The request names no task."""

    code, status, title = "missing-task", 422, "Missing task"


class MissingParameterError(ClientError):
    """The task requires a parameter that is missing."""

    code, status, title = "missing-parameter", 422, "Missing parameter"


class NoModelForImageError(ClientError):
    """No model of the task takes this kind of image."""

    code, status, title = "no-model-for-image", 422, "No model for this image"


class ViewsDifferError(ClientError):
    """The two views of a dual-pixel sensor differ in size, format, depth or color."""

    code, status, title = "views-differ", 422, "Views differ"


class NoValidFileError(ClientError):
    """None of a batch's files can be restored; `errors` has the reason for each."""

    code, status, title = "no-valid-file", 422, "No valid file"


class TooManyFilesError(ClientError):
    """The form has more files than the request may have."""

    code, status, title = "too-many-files", 422, "Too many files"


class UnknownParameterError(ClientError):
    """The service does not know this form field or query parameter."""

    code, status, title = "unknown-parameter", 422, "Unknown parameter"


class DuplicateParameterError(ClientError):
    """A parameter was given more than once."""

    code, status, title = "duplicate-parameter", 422, "Duplicate parameter"


class InvalidParameterError(ClientError):
    """The value of a parameter is not valid."""

    code, status, title = "invalid-parameter", 422, "Invalid parameter"


class InvalidJobIdError(ClientError):
    """The job id that the client chose is not valid."""

    code, status, title = "invalid-job-id", 422, "Invalid job id"


class InvalidWebhookUrlError(ClientError):
    """The webhook URL is not valid or not allowed."""

    code, status, title = "invalid-webhook-url", 422, "Invalid webhook URL"


class InvalidCursorError(ClientError):
    """The cursor does not come from a page of the list."""

    code, status, title = "invalid-cursor", 422, "Invalid cursor"


class IdempotencyKeyInvalidError(ClientError):
    """The idempotency key is empty, too long, or not visible ASCII."""

    code, status, title = "idempotency-key-invalid", 422, "Invalid idempotency key"


class IdempotencyKeyReusedError(ClientError):
    """The idempotency key was used before with another file or other parameters."""

    code, status, title = "idempotency-key-reused", 422, "Idempotency key reused"


class ResultTooLargeError(ClientError):
    """The restored image exceeds the limits for a result."""

    code, status, title = "result-too-large", 422, "Result too large"


class ImageError(ClientError):
    """The file is not an image that the service can restore."""

    code, status, title = "image-refused", 422, "Image refused"


class UnsupportedImageFormatError(ImageError):
    """The image format is not supported, whatever the file's name says."""

    code, status, title = "unsupported-image-format", 415, "Unsupported image format"


class EmptyImageError(ImageError):
    """The file is empty."""

    code, title = "empty-image", "Empty file"


class ImageTruncatedError(ImageError):
    """The file ends before the image is complete."""

    code, title = "image-truncated", "Truncated image"


class ImageCorruptError(ImageError):
    """The format is supported, but the content is damaged."""

    code, title = "image-corrupt", "Corrupt image"


class ImageTooLargeError(ImageError):
    """The image has too many pixels, or too long a side."""

    code, title = "image-too-large", "Image too large"


class ImageTooSmallError(ImageError):
    """A side of the image is shorter than the model requires."""

    code, title = "image-too-small", "Image too small"


class TooManyFramesError(ImageError):
    """The file is an animation or has several pages."""

    code, title = "too-many-frames", "More than one frame"


class FrameNotFoundError(ImageError):
    """The file has fewer frames or pages than the requested one."""

    code, title = "frame-not-found", "Frame not found"


class DecodingTimeoutError(ImageError):
    """Decoding took longer than allowed."""

    code, title = "decoding-timeout", "Decoding timeout"


class OutputUnsupportedError(ImageError):
    """The output format does not support a requested option, or the photo's transparency."""

    code, title = "output-unsupported", "Output not supported"


class UnsupportedPixelModeError(ImageError):
    """The bit depth or color mode could not be preserved."""

    code, title = "unsupported-pixel-mode", "Unsupported pixel mode"
