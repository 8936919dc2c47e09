"""What is sent again, when, and what is not."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from hiir_client import ApiError, ConnectionLostError, RetryPolicy, UnexpectedResponseError
from hiir_client.errors import (
    JobAlreadyTerminalError,
    QuotaExceededError,
    RateLimitError,
    StoreUnavailableError,
)
from hiir_client.retries import read_retry_after
from tests.unit.clients.python.fakes import JOB_ID, Caller, FakeService, job, problem

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_dropped_reply_is_repeated_with_the_same_key_and_file(caller: Caller) -> None:
    jobs: dict[str, str] = {}

    def create(request: httpx.Request) -> httpx.Response:
        jobs.setdefault(request.headers["idempotency-key"], JOB_ID)
        return httpx.Response(202, json=job())

    def create_and_drop(request: httpx.Request) -> httpx.Response:
        create(request)
        raise httpx.RemoteProtocolError("closed", request=request)

    service = FakeService([create_and_drop, create_and_drop, create])
    made = caller.call(service, lambda client: client.jobs.submit(b"pixels", task="denoise"))
    assert made.id == JOB_ID
    assert len(jobs) == 1
    assert len(service.requests) == 3
    assert all(b"pixels" in request.content for request in service.requests)
    assert all(b'name="task"\r\n\r\ndenoise' in request.content for request in service.requests)
    assert 0.25 <= caller.slept[0] <= 0.5 <= caller.slept[1] <= 1


def test_two_calls_have_two_keys(caller: Caller) -> None:
    service = FakeService([httpx.Response(202, json=job()), httpx.Response(202, json=job())])
    for _ in range(2):
        caller.call(
            FakeService([service]), lambda client: client.jobs.submit(b"pixels", task="denoise")
        )
    assert len({request.headers["idempotency-key"] for request in service.requests}) == 2


@pytest.mark.parametrize(("code", "status"), [("rate-limited", 429), ("store-unavailable", 503)])
@pytest.mark.parametrize(
    ("retry_after", "pauses"),
    [
        ("1", (1, 1)),
        ("date", (18, 20)),
        ("garbage", (0.25, 0.5)),
        ("-3", (0.25, 0.5)),
        (None, (0.25, 0.5)),
    ],
)
def test_a_retryable_refusal_is_repeated_when_the_service_says(
    caller: Caller, code: str, status: int, retry_after: str | None, pauses: tuple[float, float]
) -> None:
    if retry_after == "date":
        retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    refusal = problem(code, status, retryable=True, retry_after=retry_after)
    service = FakeService([refusal, httpx.Response(200, json=job())])
    assert caller.call(service, lambda client: client.jobs.get(JOB_ID)).id == JOB_ID
    assert len(caller.slept) == 1
    assert pauses[0] <= caller.slept[0] <= pauses[1]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("quota-exceeded", 429, QuotaExceededError),
        ("store-unavailable", 503, StoreUnavailableError),
    ],
)
def test_a_time_that_is_too_far_is_not_waited_for(
    caller: Caller, code: str, status: int, kind: type[ApiError]
) -> None:
    service = FakeService([problem(code, status, retryable=True, retry_after="3600")])
    with pytest.raises(kind) as caught:
        caller.call(service, lambda client: client.jobs.get(JOB_ID))
    assert caught.value.retry_after == 3600
    assert caught.value.request_id == "request-1"
    assert caller.slept == []


def test_the_tries_are_counted(caller: Caller) -> None:
    refusals = [problem("rate-limited", 429, retryable=True, retry_after="1") for _ in range(4)]
    with pytest.raises(RateLimitError):
        caller.call(FakeService([*refusals]), lambda client: client.jobs.get(JOB_ID), retries=3)
    assert caller.slept == [1, 1, 1]


def test_a_conflict_that_does_not_end_by_itself_is_not_repeated(caller: Caller) -> None:
    service = FakeService([problem("job-already-terminal", 409, actual="succeeded")])
    with pytest.raises(JobAlreadyTerminalError) as caught:
        caller.call(service, lambda client: client.jobs.cancel(JOB_ID))
    assert caught.value.actual == "succeeded"


def test_a_submission_in_progress_is_waited_for(caller: Caller) -> None:
    conflict = problem("submission-in-progress", 409, retryable=True, retry_after="1")
    service = FakeService([conflict, httpx.Response(202, json=job())])
    caller.call(service, lambda client: client.jobs.submit(b"pixels", task="denoise"))
    assert caller.slept == [1]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_alone_is_no_reason_to_repeat(caller: Caller, status: int) -> None:
    page = httpx.Response(status, text="<h1>Oops</h1>", headers={"retry-after": "1"})
    with pytest.raises(UnexpectedResponseError) as caught:
        caller.call(FakeService([page]), lambda client: client.jobs.get(JOB_ID))
    assert caught.value.status == status
    assert caught.value.body == "<h1>Oops</h1>"
    assert caller.slept == []


def test_what_would_be_done_twice_is_not_repeated_once_it_may_have_arrived(caller: Caller) -> None:
    service = FakeService([httpx.ReadError("reset", request=httpx.Request("POST", "http://x"))])
    with pytest.raises(ConnectionLostError) as caught:
        caller.call(service, lambda client: client.webhooks.rotate_secret())
    assert caught.value.was_sent


def test_what_never_arrived_is_repeated(caller: Caller) -> None:
    secret = {"secret": "whsec_AAAA", "previous_valid_until": None}
    service = FakeService(
        [
            httpx.ConnectError("refused", request=httpx.Request("POST", "http://x")),
            httpx.Response(200, json=secret),
        ]
    )
    found = caller.call(service, lambda client: client.webhooks.rotate_secret())
    assert found.secret == "whsec_AAAA"
    assert len(caller.slept) == 1


def test_an_unknown_code_is_the_base_class_with_that_code(caller: Caller) -> None:
    service = FakeService([problem("of-tomorrow", 422, limit=5, actual=7)])
    with pytest.raises(ApiError, match=r"of-tomorrow: .* \(limit 5, actual 7\)") as caught:
        caller.call(service, lambda client: client.jobs.get(JOB_ID))
    assert type(caught.value) is ApiError
    assert caught.value.code == "of-tomorrow"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30),
        ("Thursday, 01-Jan-26 12:00:30 GMT", 30),
        ("Thu, 01 Jan 2026 11:59:00 GMT", 0),
        ("", None),
        (None, None),
        ("soon", None),
        ("1.5", None),
        ("-1", None),
        ("\u0661", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, now=NOW) == seconds


def test_pauses_grow_to_a_limit() -> None:
    policy = RetryPolicy(retries=9)
    pauses = [policy.pause(retry, retry_after=None) or 0 for retry in range(9)]
    assert all(
        longest / 2 <= pause <= longest
        for pause, longest in zip(pauses, [0.5, 1, 2, 4, 8, 8, 8, 8, 8], strict=True)
    )
    assert policy.pause(9, retry_after=None) is None
