"""W3C Trace Context: the `traceparent` and `tracestate` of a request.

`tracestate` belongs to the callers' tracing systems and is passed on unchanged.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE_MEMBER = re.compile(
    r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_STATE_MEMBERS, _STATE_CHARACTERS = 32, 512
_SAMPLED = 0x01
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """The ids of one span of a trace, as they are propagated."""

    trace_id: str
    """32 hex digits; the same for the whole trace."""
    span_id: str
    """16 hex digits; identifies this span."""
    flags: str = "00"
    """2 hex digits that say whether the caller samples the trace."""
    tracestate: str = ""
    """Vendor data to pass on; may be empty."""

    @property
    def is_sampled(self) -> bool:
        """Whether the caller records the trace."""
        return bool(int(self.flags, 16) & _SAMPLED)

    @property
    def traceparent(self) -> str:
        """Value of the `traceparent` header for outgoing calls."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers for outgoing calls."""
        headers = {"traceparent": self.traceparent}
        return {**headers, "tracestate": self.tracestate} if self.tracestate else headers

    @classmethod
    def root(cls) -> Self:
        """Start a new trace."""
        return cls(trace_id=secrets.token_hex(16), span_id=secrets.token_hex(8))

    @classmethod
    def parse(cls, header: str, states: Sequence[str] = ()) -> Self | None:
        """Parse `traceparent` and all `tracestate` headers; returns None if they are not valid."""
        found = _TRACEPARENT.fullmatch(header.strip())
        if found is None:
            return None
        version, trace_id, span_id, flags, more = found.groups()
        is_unknown = version == "ff" or (version == "00" and more is not None)
        if is_unknown or trace_id == _NO_TRACE or span_id == _NO_SPAN:
            return None
        state = _read_states(states)
        return cls(trace_id=trace_id, span_id=span_id, flags=flags, tracestate=state)

    def child(self) -> Self:
        """Create the next span of the same trace."""
        return replace(self, span_id=secrets.token_hex(8))


def _read_states(headers: Sequence[str]) -> str:
    """Join the members of all headers; returns an empty string if any is malformed.

    If the result is too long, whole members are dropped from the end, where the oldest ones are.
    """
    listed = [member.strip(" \t") for header in headers for member in header.split(",")]
    members = [member for member in listed if member]
    keys = {member.partition("=")[0] for member in members}
    if len(keys) < len(members) or not all(map(_STATE_MEMBER.fullmatch, members)):
        return ""
    del members[_STATE_MEMBERS:]
    while len(",".join(members)) > _STATE_CHARACTERS:
        members.pop()
    return ",".join(members)
