"""Translates Pillow's many exceptions to the few of this package; no other module does so."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image

from hiir.imaging.errors import ImageCorrupt, ImageTooLarge, ImageTruncated
from hiir.imaging.formats import ImageFormat
from hiir.imaging.truncation import ends_early
from hiir.imaging.unsupported_samples import unsupported_samples

# All exceptions that Pillow's parsers let through for hostile bytes. Warnings are included because
# a process may turn them into errors.
PILLOW_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    zlib.error,
)


@contextmanager
def translated(stream: BinaryIO, image_format: ImageFormat) -> Iterator[None]:
    """Translate any exception that Pillow raises in the block.

    Raises:
        UnsupportedPixelMode: for samples that no decoder reads.
        ImageTruncated: if the file ends too early.
        ImageTooLarge: if the image does not fit into memory, or exceeds Pillow's limit.
        ImageCorrupt: in all other cases.
    """
    name = image_format.name
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        ceiling = Image.MAX_IMAGE_PIXELS or 0
        raise ImageTooLarge(
            f"The {name} file claims more pixels than can be decoded safely.",
            limit=ceiling,
            actual=f"more than {ceiling}",
        ) from error
    except MemoryError as error:
        raise ImageTooLarge(f"Decoding the {name} file needs more memory than there is.") from error
    except PILLOW_ERRORS as error:
        unsupported = unsupported_samples(stream, image_format)
        if unsupported is not None:
            raise unsupported from error
        if ends_early(stream, image_format):
            raise ImageTruncated(f"The {name} file ends before its image does.") from error
        raise ImageCorrupt(f"The {name} file cannot be decoded: its content is damaged.") from error
