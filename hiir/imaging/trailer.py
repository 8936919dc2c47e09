"""Data after an image in its file, such as the video of a motion photo."""

from collections.abc import Iterator

PADDING = b"\0\r\n "
_LEAST_BYTES = 64  # more than padding


def note_on_trailer(size: int, example: str = "") -> Iterator[str]:
    """Yield a note that bytes after the image were left out, if they are more than padding."""
    if size >= _LEAST_BYTES:
        yield f"{size} bytes behind the image{example}"
