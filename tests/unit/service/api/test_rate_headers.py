from service.api.rate_headers import policy_headers, quota_headers
from service.capacity.quotas import QuotaStatus
from service.limits import TenantLimits

LIMITS = TenantLimits(submits_per_minute=60, burst=20, open_jobs=10, megapixels_per_day=2000)


def test_the_policy_names_each_limit():
    assert policy_headers(LIMITS) == {
        "RateLimit-Policy": '"submits";q=60;w=60;burst=20, "jobs";q=10;qu="concurrent-requests", '
        '"megapixels";q=2000;w=86400;qu="megapixels"'
    }


def test_what_is_left_is_told_in_the_draft_and_in_the_older_fields():
    quota = QuotaStatus(
        limits=LIMITS, tokens=4.5, wait=0, open_jobs=3, pixels=12_300_000, day_left=777
    )
    assert quota_headers(quota) == {
        "RateLimit": '"submits";r=4;t=16, "jobs";r=7, "megapixels";r=1987;t=777',
        "RateLimit-Limit": "20",
        "RateLimit-Remaining": "4",
        "RateLimit-Reset": "16",
    }
