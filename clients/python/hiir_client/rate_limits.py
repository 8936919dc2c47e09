"""The client's remaining quotas, from the `RateLimit` header of the responses.

The format is that of draft-ietf-httpapi-ratelimit-headers: `"submits";r=19;t=3, "jobs";r=8`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ITEM = re.compile(r'\s*"(?P<name>[^"\\]*)"(?P<parameters>(?:\s*;\s*\w+=[^,;]*)*)\s*(?:,|$)')
_PARAMETER = re.compile(r";\s*(\w+)=([^,;]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """The remainder of one quota."""

    remaining: int
    """Remaining submissions, jobs or megapixels."""
    reset_seconds: int | None
    """Seconds until the whole quota is available again; None if that does not depend on time."""


def read_rate_limits(header: str) -> Mapping[str, RateLimit]:
    """Return the quotas of a `RateLimit` header by name; items in another format are ignored.

    The service has `submits`, `jobs` (that have not ended) and `megapixels` (per day).
    """
    found: dict[str, RateLimit] = {}
    for item in _ITEM.finditer(header):
        parameters = dict(_PARAMETER.findall(item["parameters"]))
        remaining, reset = (_number(parameters.get(name, "")) for name in ("r", "t"))
        if remaining is not None:
            found[item["name"]] = RateLimit(remaining=remaining, reset_seconds=reset)
    return found


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else None
