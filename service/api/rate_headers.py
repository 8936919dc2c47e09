"""Rate limit headers: the `RateLimit` fields of the IETF draft, and the older single fields.

`RateLimit-Policy` and `RateLimit` describe three quotas: submissions (a bucket of `burst`), jobs
that have not ended, and megapixels per day. The older fields, which most clients understand,
describe only submissions.
"""

from collections.abc import Mapping

from service.capacity.quotas import QuotaStatus
from service.limits import TenantLimits


def policy_headers(limits: TenantLimits) -> Mapping[str, str]:
    """Return the headers that are the same for all clients."""
    policies = (
        f'"submits";q={limits.submits_per_minute};w=60;burst={limits.burst}',
        f'"jobs";q={limits.open_jobs};qu="concurrent-requests"',
        f'"megapixels";q={limits.megapixels_per_day};w=86400;qu="megapixels"',
    )
    return {"RateLimit-Policy": ", ".join(policies)}


def quota_headers(quota: QuotaStatus) -> Mapping[str, str]:
    """Return the headers with the client's remaining quotas."""
    submits, refill = int(quota.tokens), quota.refill_seconds
    left = (
        f'"submits";r={submits};t={refill}',
        f'"jobs";r={quota.free_jobs}',
        f'"megapixels";r={quota.free_megapixels};t={quota.day_left}',
    )
    return {
        "RateLimit": ", ".join(left),
        "RateLimit-Limit": str(quota.limits.burst),
        "RateLimit-Remaining": str(submits),
        "RateLimit-Reset": str(refill),
    }
