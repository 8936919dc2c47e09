"""The quotas that the service names, as it writes them."""

import httpx
import pytest

from hiir_client import Client, RateLimit
from hiir_client.rate_limits import read_rate_limits
from service.api.rate_headers import quota_headers
from service.capacity.quotas import QuotaStatus
from service.limits import TenantLimits
from tests.unit.clients.python.fakes import JOB_ID, Caller, FakeService, job, problem

HEADER = '"submits";r=19;t=3, "jobs";r=8, "megapixels";r=1988;t=40000'


def test_the_header_of_the_service_is_read() -> None:
    status = QuotaStatus(
        limits=TenantLimits(), tokens=19.4, wait=0, open_jobs=2, pixels=12_000_000, day_left=500
    )
    found = read_rate_limits(quota_headers(status)["RateLimit"])
    assert found["submits"] == RateLimit(remaining=19, reset_seconds=1)
    assert found["jobs"] == RateLimit(remaining=8, reset_seconds=None)
    assert found["megapixels"] == RateLimit(remaining=1988, reset_seconds=500)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("", set()),
        ("garbage", set()),
        ('"a";r=x, "b";r=1', {"b"}),
        ('"a";r=-1,"b" ; r=1 ; t=2', {"b"}),
        ('"a";t=5', set()),
    ],
)
def test_what_is_not_a_quota_is_left_out(header: str, names: set[str]) -> None:
    assert read_rate_limits(header).keys() == names


def test_a_client_keeps_the_latest_quotas(caller: Caller) -> None:
    seen = []
    limits = httpx.Response(200, json=job(), headers={"RateLimit": HEADER})
    refusal = problem("rate-limited", 429, retryable=True, retry_after="1")
    refusal.headers["RateLimit"] = '"submits";r=0;t=1'

    def get(client: Client) -> object:
        seen.append(client)
        return client.jobs.get(JOB_ID)

    caller.call(FakeService([refusal, limits]), get)
    assert seen[0].rate_limits["jobs"] == RateLimit(remaining=8, reset_seconds=None)
    caller.call(FakeService([httpx.Response(200, json=job())]), get)
    assert seen[1].rate_limits == {}
