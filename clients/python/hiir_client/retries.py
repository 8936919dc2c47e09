"""Whether to send a request again, and how long to wait before that."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long one call waits for the service.

    A refusal is retried if its problem document says `retryable`, and a lost connection if the
    request may be repeated. The status code is not considered.
    """

    retries: int = 5
    """Maximum number of retries after the first attempt; 0 turns retries off."""
    first_pause: float = 0.5
    """Seconds before the first retry; doubles with each retry."""
    longest_pause: float = 8.0
    """Maximum seconds between attempts, if the service does not specify a time."""
    longest_retry_after: float = 120.0
    """Maximum seconds of `Retry-After`; a longer one raises the error immediately."""

    def pause(self, retry: int, *, retry_after: float | None) -> float | None:
        """Return the seconds to wait before retry number `retry`, from 0; None to give up."""
        if retry >= self.retries:
            return None
        if retry_after is not None:
            return retry_after if retry_after <= self.longest_retry_after else None
        # Random between half and all of it, so that clients that failed at the same time do not
        # retry at the same time.
        longest = min(self.first_pause * 2.0**retry, self.longest_pause)
        return longest * random.uniform(0.5, 1)


def read_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds of a `Retry-After` header (RFC 9110, section 10.2.3).

    The header is a number of seconds or an HTTP date; returns None if it is missing or invalid.
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
