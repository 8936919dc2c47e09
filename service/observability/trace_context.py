"""Which trace a request belongs to: `traceparent` and `tracestate` of W3C Trace Context.

`tracestate` is what the callers' tracing systems say to each other: it is handed on as it came.
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
    tracestate: str = ""
    """What the callers' systems hand on; empty if there is nothing."""

    @property
    def traceparent(self) -> str:
        """The header's value, for whoever is called in this step."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @property
    def headers(self) -> Mapping[str, str]:
        """What whoever is called in this step is sent."""
        headers = {"traceparent": self.traceparent}
        return {**headers, "tracestate": self.tracestate} if self.tracestate else headers

    @classmethod
    def root(cls) -> Self:
        """A trace that begins here."""
        return cls(trace_id=secrets.token_hex(16), span_id=secrets.token_hex(8))

    @classmethod
    def parse(cls, header: str, states: Sequence[str] = ()) -> Self | None:
        """Read `traceparent`, and each `tracestate` that came; None if they must be ignored."""
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
        """The next step of the same trace."""
        return replace(self, span_id=secrets.token_hex(8))


def _read_states(headers: Sequence[str]) -> str:
    """The members of all headers as one; empty if any of them has a form that it cannot have.

    What is too long loses whole members from its end, where the oldest are.
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
