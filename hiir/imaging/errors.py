# ruff: noqa: N818 -- named for what is wrong with the image; "Error" ten times says nothing more
"""The exceptions of this package, as one tree.

    ImagingError
    |-- EmptyImage              empty-image               no bytes at all
    |-- UnsupportedImageFormat  unsupported-image-format  not one of the accepted file formats
    |-- ImageTruncated          image-truncated           the file ends before its image does
    |-- ImageCorrupt            image-corrupt             complete, but not decodable
    |-- ImageTooLarge           image-too-large           pixels or side above the limit
    |-- ImageTooSmall           image-too-small           a side below the limit
    |-- TooManyFrames           too-many-frames           animated or multi-page
    |-- FrameNotFound           frame-not-found           fewer frames than the one asked for
    |-- UnsupportedPixelMode    unsupported-pixel-mode    LAB, floating point, 12 bits, ...
    |-- OutputUnsupported       output-unsupported        the format cannot hold what is asked
    |-- DecodingTimeout         decoding-timeout          takes too long to decode
    |-- DiskFull                disk-full                 no room for temporary files
    |-- CodecFailed             codec-failed              the codec's process does not work
    |-- ModelOutputInvalid      model-output-invalid      wrong shape, not finite, or dead
    |-- ContractError           contract-invalid          a model's contract does not hold
    `-- TilingCanceled          tiling-canceled           the caller asked to stop

Errors of the first eleven kinds blame the file or the request, so `detail` is written for the
person who sent the file: it names no path and no library.
"""

from typing import ClassVar


class ImagingError(Exception):
    """Base of every error this package raises on purpose.

    `code` is stable and meant for programs; `limit` and `actual` are the limit and the actual
    value, if the error violates a limit.
    """

    code: ClassVar[str] = "imaging-error"

    def __init__(
        self, detail: str, *, limit: int | str | None = None, actual: int | str | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.limit = limit
        self.actual = actual


class EmptyImage(ImagingError):
    """The file has no bytes."""

    code = "empty-image"


class UnsupportedImageFormat(ImagingError):
    """The content is not one of the accepted formats, whatever the file is called."""

    code = "unsupported-image-format"


class ImageTruncated(ImagingError):
    """The file ends before its image does."""

    code = "image-truncated"


class ImageCorrupt(ImagingError):
    """The file is of an accepted format and complete, but cannot be decoded."""

    code = "image-corrupt"


class ImageTooLarge(ImagingError):
    """More pixels, or a longer side, than the limits (or the memory) allow."""

    code = "image-too-large"


class ImageTooSmall(ImagingError):
    """A side is shorter than the limits allow."""

    code = "image-too-small"


class TooManyFrames(ImagingError):
    """An animation or a multi-page file, where one image is expected."""

    code = "too-many-frames"


class FrameNotFound(ImagingError):
    """The file has fewer frames or pages than the one that was asked for."""

    code = "frame-not-found"


class UnsupportedPixelMode(ImagingError):
    """A color model or a bit depth that cannot be restored without silent loss."""

    code = "unsupported-pixel-mode"


class OutputUnsupported(ImagingError):
    """The output format does not support an option, or a property of the photo."""

    code = "output-unsupported"


class DecodingTimeout(ImagingError):
    """Decoding the file takes longer than the time limit."""

    code = "decoding-timeout"


class DiskFull(ImagingError):
    """The disk for temporary files is full."""

    code = "disk-full"


class CodecFailed(ImagingError):
    """The encoding process exited because of a defect or a lack of memory."""

    code = "codec-failed"


class ModelOutputInvalid(ImagingError):
    """A restored tile has the wrong shape or type, is not finite, or is dead."""

    code = "model-output-invalid"


class ContractError(ImagingError):
    """A model contract is incomplete, has unknown keys, or is inconsistent."""

    code = "contract-invalid"


class TilingCanceled(ImagingError):
    """The caller requested cancellation between two tiles."""

    code = "tiling-canceled"
