"""Errors of images that cannot be restored."""

from hiir_client.errors.request import RequestError


class ImageError(RequestError):
    """The service cannot restore this image."""


class UnsupportedImageFormatError(ImageError):
    """The image format is not supported, whatever the file's name says."""

    code = "unsupported-image-format"


class EmptyImageError(ImageError):
    """The file is empty."""

    code = "empty-image"


class ImageTruncatedError(ImageError):
    """The file ends before the image is complete."""

    code = "image-truncated"


class ImageCorruptError(ImageError):
    """The format is supported, but the content is damaged."""

    code = "image-corrupt"


class ImageTooLargeError(ImageError):
    """The image has too many pixels, or too long a side."""

    code = "image-too-large"


class ImageTooSmallError(ImageError):
    """A side of the image is shorter than the model requires."""

    code = "image-too-small"


class TooManyFramesError(ImageError):
    """The file is an animation or has several pages."""

    code = "too-many-frames"


class FrameNotFoundError(ImageError):
    """The file has fewer frames or pages than the requested one."""

    code = "frame-not-found"


class DecodingTimeoutError(ImageError):
    """Decoding took longer than allowed."""

    code = "decoding-timeout"


class OutputUnsupportedError(ImageError):
    """The output format does not support a requested option, or the photo's transparency."""

    code = "output-unsupported"


class UnsupportedPixelModeError(ImageError):
    """The bit depth or color mode could not be preserved."""

    code = "unsupported-pixel-mode"
