"""Which trace a request belongs to: the `traceparent` header of W3C Trace Context, level 1."""

import re
import secrets
from dataclasses import dataclass
from typing import Self

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """One step of a trace. The service records none; it hands on whose they are."""

    trace_id: str
    """32 hex digits, the same from the first caller to the last."""
    span_id: str
    """16 hex digits, of this step."""
    flags: str = "00"
    """2 hex digits: whether the caller records the trace."""

    @property
    def traceparent(self) -> str:
        """The header's value, for whoever is called in this step."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @classmethod
    def root(cls) -> Self:
        """A trace that begins here."""
        return cls(trace_id=secrets.token_hex(16), span_id=secrets.token_hex(8))

    @classmethod
    def parse(cls, header: str) -> Self | None:
        """Read a header; None for one that must be ignored."""
        found = _TRACEPARENT.fullmatch(header.strip())
        if found is None:
            return None
        version, trace_id, span_id, flags, more = found.groups()
        is_unknown = version == "ff" or (version == "00" and more is not None)
        if is_unknown or trace_id == _NO_TRACE or span_id == _NO_SPAN:
            return None
        return cls(trace_id=trace_id, span_id=span_id, flags=flags)

    def child(self) -> Self:
        """The next step of the same trace."""
        return type(self)(trace_id=self.trace_id, span_id=secrets.token_hex(8), flags=self.flags)
