"""When to send a request again, and how long to wait before."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long one call waits for the service.

    A refusal is retried if its problem document says `retryable`; a connection that broke, if the
    request may be repeated. The status alone decides nothing.
    """

    retries: int = 5
    """Further tries after the first; 0 turns retries off."""
    first_pause: float = 0.5
    """Seconds before the first retry; doubles with each one."""
    longest_pause: float = 8.0
    """Maximum seconds between tries, where the service does not name a time."""
    longest_retry_after: float = 120.0
    """Maximum seconds of `Retry-After`; a longer one raises the error immediately."""

    def pause(self, retry: int, *, retry_after: float | None) -> float | None:
        """Return the seconds to wait before the retry number `retry`, from 0; None to give up."""
        if retry >= self.retries:
            return None
        if retry_after is not None:
            return retry_after if retry_after <= self.longest_retry_after else None
        # Between half and all of it, so that clients that failed together do not return together.
        longest = min(self.first_pause * 2.0**retry, self.longest_pause)
        return longest * random.uniform(0.5, 1)


def read_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds that a `Retry-After` header names (RFC 9110, section 10.2.3).

    It is a number of seconds or an HTTP date; None if it is missing or neither of them.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max((date - (now or datetime.now(UTC))).total_seconds(), 0.0)
