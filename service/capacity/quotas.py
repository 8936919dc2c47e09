"""What a tenant may still do: submissions by a token bucket, jobs at once, megapixels a day.

The bucket is a script of our own because it is this short: the libraries that are kept well count
requests in windows, which knows no burst; and one that Redis fills by its own clock needs no
agreement between the API's processes. Jobs and megapixels are counted where a job is made and
ended (`job_scripts`), so that what is refused by them is exact however many ask at once.
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
    """Where a tenant stands against its limits."""

    limits: TenantLimits
    tokens: float
    """Submissions that may be sent at once."""
    wait: float
    """Seconds until the one that was asked for may be; 0 if it may now."""
    open_jobs: int
    """Jobs that have not ended."""
    pixels: int
    """Taken today."""
    day_left: int
    """Seconds until midnight (UTC)."""

    @property
    def refill_seconds(self) -> int:
        """Until the bucket is full again."""
        missing = self.limits.burst - self.tokens
        return math.ceil(60 * missing / self.limits.submits_per_minute)

    @property
    def free_jobs(self) -> int:
        """Jobs that may be added now."""
        return max(self.limits.open_jobs - self.open_jobs, 0)

    @property
    def free_megapixels(self) -> int:
        """Whole megapixels that may be added today."""
        return max(self.limits.megapixels_per_day - math.ceil(self.pixels / 1e6), 0)

    @property
    def is_spent(self) -> bool:
        """Whether nothing may be added today."""
        return self.pixels >= 1e6 * self.limits.megapixels_per_day

    def rate_limited(self) -> RateLimitError:
        """Why a submission is refused that came too soon."""
        most, burst = self.limits.submits_per_minute, self.limits.burst
        return RateLimitError(
            f"Up to {most} submissions a minute are taken, and {burst} at once.",
            limit=most,
            retry_after=max(math.ceil(self.wait), 1),
        )

    def too_many_jobs(self, *, pause: int) -> TooManyJobsError:
        """Why a job is refused beside so many others; one of them may end after `pause` seconds."""
        most = self.limits.open_jobs
        return TooManyJobsError(
            f"Up to {most} jobs may wait and run at once.",
            limit=most,
            actual=self.open_jobs,
            retry_after=pause,
        )

    def quota_exceeded(self, *, pixels: int = 0) -> QuotaExceededError:
        """Why an image of `pixels` is refused today."""
        most = self.limits.megapixels_per_day
        return QuotaExceededError(
            f"Up to {most} megapixels a day are restored; the day ends at midnight UTC.",
            limit=most,
            actual=math.ceil((self.pixels + pixels) / 1e6),
            retry_after=max(self.day_left, 1),
        )


class QuotaStore:
    """Each tenant's standing. Every method raises `StoreUnavailableError` while Redis is away."""

    def __init__(self, *, client: redis.Redis, limits: TenantLimits) -> None:
        self._redis = client
        self._limits = limits
        self._script = client.register_script(read_lua("service.capacity", "quota"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "QuotaStore":
        """The standings beside the jobs."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True), limits=settings.tenants)

    def close(self) -> None:
        """Drop the connections."""
        self._redis.close()

    def consume(self, tenant: str) -> QuotaStatus:
        """Count one submission, unless it comes too soon: then the standing has a `wait`."""
        return self._read(tenant, wanted=1)

    def snapshot(self, tenant: str) -> QuotaStatus:
        """The standing as it is."""
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
