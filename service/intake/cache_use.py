"""Whether a request's `Cache-Control` allows the result cache (RFC 9111)."""

from dataclasses import dataclass
from typing import Self

from starlette.datastructures import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """Whether a request's `Cache-Control` allows the result cache (RFC 9111)."""

    reads: bool = True
    """Whether an earlier result may be returned; false for `no-cache` and `no-store`."""
    writes: bool = True
    """Whether later requests may get this result; false for `no-store`."""

    @classmethod
    def of(cls, headers: Headers) -> Self:
        """Parse a request's headers; other directives are ignored."""
        given = {
            item.partition("=")[0].strip().lower()
            for line in headers.getlist("cache-control")
            for item in line.split(",")
        }
        return cls(reads=not given & {"no-cache", "no-store"}, writes="no-store" not in given)
