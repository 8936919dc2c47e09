import pytest

from service.capacity.quotas import QuotaStatus
from service.limits import TenantLimits

LIMITS = TenantLimits(submits_per_minute=60, burst=20, open_jobs=10, megapixels_per_day=2000)


def standing(**changes):
    values = {
        "limits": LIMITS,
        "tokens": 20.0,
        "wait": 0.0,
        "open_jobs": 0,
        "pixels": 0,
        "day_left": 3600,
    }
    return QuotaStatus(**{**values, **changes})


@pytest.mark.parametrize(("tokens", "seconds"), [(20.0, 0), (19.5, 1), (0.0, 20)])
def test_a_bucket_is_full_again_when_the_rate_has_filled_it(tokens, seconds):
    assert standing(tokens=tokens).refill_seconds == seconds


def test_what_is_left_is_never_less_than_nothing_and_never_promised_in_part():
    assert standing(open_jobs=12).free_jobs == 0
    assert standing(pixels=1_998_500_000).free_megapixels == 1
    assert standing(pixels=2_100_000_000).free_megapixels == 0


@pytest.mark.parametrize(("pixels", "spent"), [(1_999_999_999, False), (2_000_000_000, True)])
def test_a_day_is_spent_at_its_last_pixel(pixels, spent):
    assert standing(pixels=pixels).is_spent is spent


def test_each_refusal_tells_limit_and_actual_and_when_to_come_back():
    early = standing(tokens=0.25, wait=0.75).rate_limited()
    assert (early.status, early.limit, early.retry_after) == (429, 60, 1)
    crowd = standing(open_jobs=11).too_many_jobs(pause=7)
    assert (crowd.status, crowd.limit, crowd.actual, crowd.retry_after) == (429, 10, 11, 7)
    spent = standing(pixels=1_990_000_000).quota_exceeded(pixels=24_000_000)
    assert (spent.status, spent.limit, spent.actual) == (429, 2000, 2014)
    assert (spent.retry_after, spent.retryable) == (3600, True)
