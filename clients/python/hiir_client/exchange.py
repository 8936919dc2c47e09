"""One request and its response: retries, problems and decoding."""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hiir_client.decoding import DecodingError, decode
from hiir_client.effects import Close, Effect, Head, Open, Operation, Read, Request, Sleep
from hiir_client.errors import (
    ApiError,
    ConnectionLostError,
    HiirClientError,
    UnexpectedResponseError,
    error_class,
)
from hiir_client.models import Failure
from hiir_client.retries import RetryPolicy, read_retry_after

T = TypeVar("T")

_CONFLICT = 409
_LONGEST_ERROR = 1_000_000
"""Maximum number of bytes that are read of an error's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete response with a 2xx status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def decode(self, kind: type[T]) -> T:
        """Return the body as the dataclass `kind`."""
        return decode_body(kind, self.body, status=self.status)


def decode_body(kind: type[T], body: bytes | str, *, status: int) -> T:
    """Parse JSON into the dataclass `kind`.

    Raises:
        UnexpectedResponseError: if the JSON does not match.
    """
    try:
        return decode(kind, json.loads(body))
    except (DecodingError, ValueError) as error:
        raise UnexpectedResponseError(
            f"The response is not the JSON of a {kind.__name__}: {error}",
            status=status,
            body=_start_of(body if isinstance(body, bytes) else body.encode()),
        ) from error


def send(request: Request, *, policy: RetryPolicy) -> Operation[Reply]:
    """Send a request and read its response; retries as the policy allows."""
    retry = 0
    while True:
        try:
            head = yield Open(request)
            with_error = head.status >= 400
            body = yield from read_body(longest=_LONGEST_ERROR if with_error else None)
            yield Close()
            check_status(head, body)
            return Reply(status=head.status, headers=head.headers, body=body)
        except HiirClientError as error:
            yield Close()
            yield from pause_before(retry, error, request=request, policy=policy)
        retry += 1


def open_stream(request: Request, *, policy: RetryPolicy) -> Operation[Head]:
    """Send a request whose response the caller reads and closes; retries as the policy allows."""
    retry = 0
    while True:
        try:
            head: Head = yield Open(request)
            if head.status < 400:
                check_status(head, b"")
                return head
            body = yield from read_body(longest=_LONGEST_ERROR)
            yield Close()
            check_status(head, body)
        except HiirClientError as error:
            yield Close()
            yield from pause_before(retry, error, request=request, policy=policy)
        retry += 1


def pause_before(
    retry: int, error: HiirClientError, *, request: Request, policy: RetryPolicy
) -> Generator[Effect, Any, None]:
    """Wait until the request can be sent again, or raise `error` if it should not be."""
    pause = None
    if is_worth_retrying(error, request):
        retry_after = error.retry_after if isinstance(error, ApiError) else None
        pause = policy.pause(retry, retry_after=retry_after)
    if pause is None:
        raise error
    yield Sleep(pause)


def is_worth_retrying(error: HiirClientError, request: Request) -> bool:
    """Return whether the same request may succeed, and cannot take effect twice."""
    match error:
        case ConnectionLostError():
            return request.repeatable or not error.was_sent
        case ApiError():
            return error.retryable
        case _:
            return False


def read_body(*, longest: int | None = None) -> Operation[bytes]:
    """Read the open response to its end, or up to about `longest` bytes."""
    pieces: list[bytes] = []
    size = 0
    while piece := (yield Read()):
        pieces.append(piece)
        size += len(piece)
        if longest is not None and size >= longest:
            break
    return b"".join(pieces)


def check_status(head: Head, body: bytes) -> None:
    """Check that a response has a 2xx status.

    Raises:
        HiirClientError: the exception for any other response.
    """
    if 200 <= head.status < 300:
        return
    problem = _read_problem(head, body)
    if problem is None:
        raise UnexpectedResponseError(
            f"Status {head.status} without a problem document: not an answer of the service.",
            status=head.status,
            body=_start_of(body),
        )
    retry_after = read_retry_after(head.headers.get("retry-after"))
    # The route of a result answers 409 with the failure of the job, whose `retryable` refers to a
    # new job. A conflict that ends by itself has a `Retry-After`.
    is_failure = head.status == _CONFLICT and "retry-after" not in head.headers
    code = problem["code"]
    raise error_class(code)(
        _text(problem.get("detail")),
        code=code,
        title=_text(problem.get("title")),
        status=head.status,
        retryable=problem.get("retryable") is True and not is_failure,
        retry_after=retry_after,
        request_id=_text(problem.get("request_id")) or head.headers.get("x-request-id"),
        limit=problem.get("limit"),
        actual=problem.get("actual"),
        errors=problem.get("errors") or (),
    )


def error_of(failure: Failure, *, job_id: str | None) -> ApiError:
    """Return the exception for a failed job."""
    return error_class(failure.code)(
        failure.detail,
        code=failure.code,
        title=failure.title,
        retryable=failure.retryable,
        job_id=job_id,
        limit=failure.limit,
        actual=failure.actual,
    )


def _read_problem(head: Head, body: bytes) -> dict[str, Any] | None:
    if not head.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        problem = json.loads(body)
    except ValueError:
        return None
    return problem if isinstance(problem, dict) and isinstance(problem.get("code"), str) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _start_of(body: bytes) -> str:
    return body[:200].decode(errors="replace")
