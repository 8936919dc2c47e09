"""Range requests: `Range`, `If-Range` and `If-None-Match` (RFC 9110).

Only single ranges are served. As the RFC requires, several ranges or a malformed header are
ignored, and the response is the whole file.
"""

import re
from dataclasses import dataclass

from starlette.datastructures import Headers

from service.errors import RangeNotSatisfiableError

_SINGLE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """Bytes `start` to `stop` (exclusive) of a file of `size` bytes."""

    start: int
    stop: int
    size: int

    @property
    def length(self) -> int:
        """Number of bytes, at least one."""
        return self.stop - self.start

    @property
    def content_range(self) -> str:
        """Value of the `Content-Range` header."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def wanted_range(headers: Headers, *, size: int, etag: str) -> ByteRange | None:
    """Return the requested range, or None for the whole file.

    Raises:
        RangeNotSatisfiableError: if the range starts after the end of the file.
    """
    found = _SINGLE.fullmatch(headers.get("range", "").strip())
    if found is None or not any(found.groups()):
        return None
    if headers.get("if-range", etag) != etag:
        return None  # the tag of another file, or a date, which results do not have
    first, last = found.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    if first and last and int(last) < int(first):
        return None
    if start >= stop:
        raise RangeNotSatisfiableError(f"The file has {size} bytes.", limit=size, actual=found[0])
    return ByteRange(start=start, stop=stop, size=size)


def is_unchanged(headers: Headers, etag: str) -> bool:
    """Return whether `If-None-Match` matches, so that the client already has the file."""
    given = headers.get("if-none-match", "")
    return given.strip() == "*" or etag in _TAG.findall(given)
