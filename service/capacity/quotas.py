"""Quotas of a tenant: a token bucket of submissions, open jobs, and megapixels per day.

The bucket is a short script: the maintained libraries count requests in windows, which allow no
burst, and a bucket on Redis's clock needs no coordination between API processes. Jobs and
megapixels are counted where jobs are created and ended (`jobs.scripts`), so these limits are exact
under concurrency.
"""

import math
from dataclasses import dataclass
from typing import cast

import redis

from service.errors import QuotaExceededError, RateLimitError, TooManyJobsError
from service.limits import TenantLimits
from service.redis_connection import connect, read_lua, redis_errors
from service.settings import RedisDatabase, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaStatus:
    """A tenant's use of its quotas."""

    limits: TenantLimits
    tokens: float
    """Number of submissions that are possible immediately."""
    wait: float
    """Seconds until the requested submission is allowed; 0 if it is allowed now."""
    open_jobs: int
    """Jobs that have not ended."""
    pixels: int
    """Pixels submitted today."""
    day_left: int
    """Seconds until midnight UTC."""

    @property
    def refill_seconds(self) -> int:
        """Seconds until the bucket is full again."""
        missing = self.limits.burst - self.tokens
        return math.ceil(60 * missing / self.limits.submits_per_minute)

    @property
    def free_jobs(self) -> int:
        """Number of jobs that can be added now."""
        return max(self.limits.open_jobs - self.open_jobs, 0)

    @property
    def free_megapixels(self) -> int:
        """Whole megapixels that remain today."""
        return max(self.limits.megapixels_per_day - math.ceil(self.pixels / 1e6), 0)

    @property
    def is_spent(self) -> bool:
        """Whether no megapixels remain today."""
        return self.pixels >= 1e6 * self.limits.megapixels_per_day

    def rate_limited(self) -> RateLimitError:
        """Return the error for a submission over the rate limit."""
        most, burst = self.limits.submits_per_minute, self.limits.burst
        return RateLimitError(
            f"The limit is {most} submissions per minute, in bursts of up to {burst}.",
            limit=most,
            retry_after=max(math.ceil(self.wait), 1),
        )

    def too_many_jobs(self, *, pause: int) -> TooManyJobsError:
        """Return the error for a job over the limit; an open job may end after `pause` seconds."""
        most = self.limits.open_jobs
        return TooManyJobsError(
            f"At most {most} jobs may be queued or running at once.",
            limit=most,
            actual=self.open_jobs,
            retry_after=pause,
        )

    def quota_exceeded(self, *, pixels: int = 0) -> QuotaExceededError:
        """Return the error for an image of `pixels` over the daily quota."""
        most = self.limits.megapixels_per_day
        return QuotaExceededError(
            f"The limit is {most} megapixels per day; it resets at midnight UTC.",
            limit=most,
            actual=math.ceil((self.pixels + pixels) / 1e6),
            retry_after=max(self.day_left, 1),
        )


class QuotaStore:
    """Quotas of all tenants. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(self, *, client: redis.Redis, limits: TenantLimits) -> None:
        self._redis = client
        self._limits = limits
        self._script = client.register_script(read_lua("service.capacity", "quota"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "QuotaStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True), limits=settings.tenants)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    @property
    def limits(self) -> TenantLimits:
        """Limits of each tenant."""
        return self._limits

    def consume(self, tenant: str) -> QuotaStatus:
        """Take one submission from the bucket; the status has a `wait` if the bucket is empty."""
        return self._read(tenant, wanted=1)

    def snapshot(self, tenant: str) -> QuotaStatus:
        """Return the status without taking a submission."""
        return self._read(tenant, wanted=0)

    def _read(self, tenant: str, *, wanted: int) -> QuotaStatus:
        limits = self._limits
        with redis_errors():
            reply = self._script(
                keys=[f"hiir:bucket:{tenant}", f"hiir:open:{tenant}"],
                args=[
                    *(limits.submits_per_minute / 60, limits.burst, wanted),
                    f"hiir:pixels:{tenant}:",
                ],
            )
        tokens, wait, open_jobs, pixels, day_left = cast("list[str]", reply)
        return QuotaStatus(
            limits=limits,
            tokens=float(tokens),
            wait=float(wait),
            open_jobs=int(open_jobs),
            pixels=int(pixels),
            day_left=int(day_left),
        )
