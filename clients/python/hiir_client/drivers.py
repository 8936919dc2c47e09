"""The drivers, which perform the effects of operations with httpx."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import httpx

from hiir_client.effects import Close, Effect, Emit, Head, Open, Operation, Read, Request, Sleep
from hiir_client.errors import ConnectionLostError
from hiir_client.rate_limits import RateLimit, read_rate_limits

T = TypeVar("T")

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """The return value of an operation."""

    value: T


def _advance(operation: Operation[T], answer: Any) -> Effect | _Outcome[T]:
    """Send the result of an effect to the operation, and return its next effect."""
    try:
        if isinstance(answer, ConnectionLostError):
            return operation.throw(answer)
        return operation.send(answer)
    except StopIteration as end:
        return _Outcome(end.value)


def _describe(error: httpx.RequestError) -> ConnectionLostError:
    text = str(error) or type(error).__name__
    lost = ConnectionLostError(
        f"{error.request.method} {error.request.url}: {text}",
        was_sent=not isinstance(error, _NEVER_SENT),
    )
    lost.__cause__ = error
    return lost


def _arguments(request: Request, http: httpx.Client | httpx.AsyncClient, files: ExitStack) -> Any:
    """Return the arguments of httpx's `build_request`; the files stay open as long as `files`."""
    times = http.timeout
    read = None if times.read is None else times.read + request.extra_read_seconds
    return {
        "method": request.method,
        "url": request.path,
        "params": dict(request.query),
        "headers": dict(request.headers),
        "data": dict(request.fields) or None,
        "json": None if request.json is None else dict(request.json),
        "files": [
            (part.name, (part.filename, files.enter_context(closing(part.open()))))
            for part in request.files
        ]
        or None,
        "timeout": httpx.Timeout(
            connect=times.connect, read=read, write=times.write, pool=times.pool
        ),
    }


class _Driver:
    """State that both drivers have."""

    rate_limits: Mapping[str, RateLimit] = MappingProxyType({})
    """Remaining quotas, as stated by the latest response."""

    def head_of(self, response: httpx.Response) -> Head:
        """Return the head of a response, and store its quotas."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        if "ratelimit" in headers:
            self.rate_limits = read_rate_limits(headers["ratelimit"])
        return Head(status=response.status_code, headers=headers)


class SyncDriver(_Driver):
    """Runs operations in the caller's thread."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def run(self, operation: Operation[T]) -> T:
        """Run an operation to its end."""
        with closing(operation), closing(_SyncExchange(self._http, self)) as exchange:
            step = _advance(operation, None)
            while not isinstance(step, _Outcome):
                step = _advance(operation, exchange.perform(step))
            return step.value

    def iterate(self, operation: Generator[Effect, Any, None]) -> Iterator[Any]:
        """Yield the values that an operation emits."""
        with closing(operation), closing(_SyncExchange(self._http, self)) as exchange:
            step = _advance(operation, None)
            while not isinstance(step, _Outcome):
                if isinstance(step, Emit):
                    yield step.value
                    answer = None
                else:
                    answer = exchange.perform(step)
                step = _advance(operation, answer)


class _SyncExchange:
    """The open response of one operation."""

    def __init__(self, http: httpx.Client, driver: _Driver) -> None:
        self._http = http
        self._driver = driver
        self._response: httpx.Response | None = None
        self._pieces: Iterator[bytes] = iter(())

    def perform(self, effect: Effect) -> Any:
        """Perform an effect, and return its result.

        The result is a `ConnectionLostError` if the connection failed.
        """
        try:
            match effect:
                case Open(request):
                    return self._open(request)
                case Read():
                    return next(self._pieces, b"")
                case Close():
                    self.close()
                case Sleep(seconds):
                    time.sleep(seconds)
        except httpx.RequestError as error:
            return _describe(error)
        return None

    def _open(self, request: Request) -> Head:
        self.close()
        with ExitStack() as files:
            built = self._http.build_request(**_arguments(request, self._http, files))
            self._response = self._http.send(built, stream=True)
        self._pieces = self._response.iter_bytes()
        return self._driver.head_of(self._response)

    def close(self) -> None:
        """Close the response, if one is open."""
        if self._response is not None:
            self._response.close()
        self._response, self._pieces = None, iter(())


class AsyncDriver(_Driver):
    """Runs operations in the caller's event loop."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation to its end."""
        exchange = _AsyncExchange(self._http, self)
        with closing(operation):
            try:
                step = _advance(operation, None)
                while not isinstance(step, _Outcome):
                    step = _advance(operation, await exchange.perform(step))
                return step.value
            finally:
                await exchange.close()

    async def iterate(self, operation: Generator[Effect, Any, None]) -> AsyncGenerator[Any, None]:
        """Yield the values that an operation emits."""
        exchange = _AsyncExchange(self._http, self)
        with closing(operation):
            try:
                step = _advance(operation, None)
                while not isinstance(step, _Outcome):
                    if isinstance(step, Emit):
                        yield step.value
                        answer = None
                    else:
                        answer = await exchange.perform(step)
                    step = _advance(operation, answer)
            finally:
                await exchange.close()


class _AsyncExchange:
    """The open response of one operation."""

    def __init__(self, http: httpx.AsyncClient, driver: _Driver) -> None:
        self._http = http
        self._driver = driver
        self._response: httpx.Response | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def perform(self, effect: Effect) -> Any:
        """Perform an effect, and return its result.

        The result is a `ConnectionLostError` if the connection failed.
        """
        try:
            match effect:
                case Open(request):
                    return await self._open(request)
                case Read():
                    return b"" if self._pieces is None else await anext(self._pieces, b"")
                case Close():
                    await self.close()
                case Sleep(seconds):
                    await asyncio.sleep(seconds)
        except httpx.RequestError as error:
            return _describe(error)
        return None

    async def _open(self, request: Request) -> Head:
        await self.close()
        with ExitStack() as files:
            built = self._http.build_request(**_arguments(request, self._http, files))
            self._response = await self._http.send(built, stream=True)
        self._pieces = self._response.aiter_bytes()
        return self._driver.head_of(self._response)

    async def close(self) -> None:
        """Close the response, if one is open."""
        if self._response is not None:
            await self._response.aclose()
        self._response, self._pieces = None, None
