"""The request must change before it can succeed: 4xx."""

from service.errors.base import ServiceError


class ClientError(ServiceError):
    """The request must change before it can succeed."""

    code, status, title = "invalid-request", 400, "Invalid request"


class InvalidRequestError(ClientError):
    """The framework could not make sense of the request."""


class InvalidMultipartError(ClientError):
    """The form's framing is broken or has too many parts."""

    code, title = "invalid-multipart", "Malformed form"


class UploadInterruptedError(ClientError):
    """The client went away in the middle of the body."""

    code, title = "upload-interrupted", "Upload interrupted"


class NotFoundError(ClientError):
    """No route has this path."""

    code, status, title = "not-found", 404, "No such page"


class UnknownTaskError(ClientError):
    """No task that can be done here has this name, nor has a model."""

    code, status, title = "unknown-task", 404, "Unknown task"


class MethodNotAllowedError(ClientError):
    """The path exists, but not with this method."""

    code, status, title = "method-not-allowed", 405, "Method not allowed"


class NotAcceptableError(ClientError):
    """The result can have none of the types that `Accept` names."""

    code, status, title = "not-acceptable", 406, "Not acceptable"


class BodyTooLargeError(ClientError):
    """More bytes than a request may carry, announced or received."""

    code, status, title = "body-too-large", 413, "Request body too large"


class UnsupportedMediaTypeError(ClientError):
    """Neither a form nor an image body."""

    code, status, title = "unsupported-media-type", 415, "Unsupported media type"


class RangeNotSatisfiableError(ClientError):
    """The range that was asked for begins behind the file's end."""

    code, status, title = "range-not-satisfiable", 416, "Range not satisfiable"


class MissingFileError(ClientError):
    """The form has no file."""

    code, status, title = "missing-file", 422, "No file was sent"


class MissingTaskError(ClientError):
    """The request names no task."""

    code, status, title = "missing-task", 422, "No task was named"


class MissingParameterError(ClientError):
    """The task needs a parameter that was not given."""

    code, status, title = "missing-parameter", 422, "A parameter is missing"


class NoModelForImageError(ClientError):
    """No served model of the task takes such an image, as a gray model does not take colour."""

    code, status, title = "no-model-for-image", 422, "No model for such an image"


class ViewsDifferError(ClientError):
    """The two views of a dual-pixel sensor differ in size, format, depth or colour."""

    code, status, title = "views-differ", 422, "The two views differ"


class TooManyFilesError(ClientError):
    """One job restores one image."""

    code, status, title = "too-many-files", 422, "Too many files"


class UnknownParameterError(ClientError):
    """A form field or query parameter that the service does not know."""

    code, status, title = "unknown-parameter", 422, "Unknown parameter"


class DuplicateParameterError(ClientError):
    """A parameter that was given more than once."""

    code, status, title = "duplicate-parameter", 422, "Duplicate parameter"


class InvalidParameterError(ClientError):
    """A parameter's value is not one of those that it can have."""

    code, status, title = "invalid-parameter", 422, "Invalid parameter"


class InvalidJobIdError(ClientError):
    """The id that the client chose for its job has a form that ids cannot have."""

    code, status, title = "invalid-job-id", 422, "Invalid job id"


class InvalidWebhookUrlError(ClientError):
    """The address is none that a webhook can be sent to."""

    code, status, title = "invalid-webhook-url", 422, "Invalid webhook address"


class InvalidCursorError(ClientError):
    """The cursor is not one that the list gave."""

    code, status, title = "invalid-cursor", 422, "Invalid cursor"


class IdempotencyKeyInvalidError(ClientError):
    """The idempotency key is empty, too long, or not of visible ASCII characters."""

    code, status, title = "idempotency-key-invalid", 422, "Invalid idempotency key"


class IdempotencyKeyReusedError(ClientError):
    """The idempotency key was sent before, with another file or other parameters."""

    code, status, title = "idempotency-key-reused", 422, "Idempotency key reused"


class ResultTooLargeError(ClientError):
    """The restored image would be, or turned out, larger than a result may be."""

    code, status, title = "result-too-large", 422, "Result too large"


class ImageError(ClientError):
    """The bytes are not an image that the service restores."""

    code, status, title = "image-refused", 422, "Image refused"


class UnsupportedImageFormatError(ImageError):
    """Not one of the formats on the list, whatever its name says."""

    code, status, title = "unsupported-image-format", 415, "Unsupported image format"


class EmptyImageError(ImageError):
    """No bytes at all."""

    code, title = "empty-image", "Empty file"


class ImageTruncatedError(ImageError):
    """The file ends before the image does."""

    code, title = "image-truncated", "Truncated image"


class ImageCorruptError(ImageError):
    """The format is known, the content is broken."""

    code, title = "image-corrupt", "Corrupt image"


class ImageTooLargeError(ImageError):
    """Too many pixels, or too long a side."""

    code, title = "image-too-large", "Image too large"


class ImageTooSmallError(ImageError):
    """A side is shorter than a model can use."""

    code, title = "image-too-small", "Image too small"


class TooManyFramesError(ImageError):
    """An animation or a file of several pages."""

    code, title = "too-many-frames", "More than one frame"


class FrameNotFoundError(ImageError):
    """The file has fewer frames or pages than the one asked for."""

    code, title = "frame-not-found", "No such frame"


class DecodingTimeoutError(ImageError):
    """The file takes longer to decode than a file may."""

    code, title = "decoding-timeout", "Decoding takes too long"


class OutputUnsupportedError(ImageError):
    """The output format cannot hold what was asked of it, or the photo's transparency."""

    code, title = "output-unsupported", "The format cannot hold that"


class UnsupportedPixelModeError(ImageError):
    """A bit depth or colour mode that would lose something."""

    code, title = "unsupported-pixel-mode", "Unsupported pixel mode"
