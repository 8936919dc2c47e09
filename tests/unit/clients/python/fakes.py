"""A service that answers from a script, and both clients of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from hiir_client import AsyncClient, Client, RetryPolicy

URL = "http://127.0.0.1:8000"
JOB_ID = "5f0c1a2b3c4d5e6f708192a3b4c5d6e7"

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


@dataclass
class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in pieces; `error` breaks the connection after the last one."""

    pieces: list[bytes]
    error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
        if self.error is not None:
            raise self.error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


@dataclass
class FakeService:
    """Answers requests one after another, and keeps them with their bodies."""

    answers: list[Answer]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert self.answers, f"one request too many: {request.method} {request.url}"
        request.read()
        return self._answer(request)

    async def answer_async(self, request: httpx.Request) -> httpx.Response:
        assert self.answers, f"one request too many: {request.method} {request.url}"
        await request.aread()
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)


@dataclass(kw_only=True)
class Caller:
    """Calls the synchronous or the asynchronous client alike."""

    is_async: bool
    slept: list[float] = field(default_factory=list)

    def call(
        self, service: FakeService, use: Callable[[Any], Any], *, retries: int = 3, **options: Any
    ) -> Any:
        """Return what `use` returns for a client; a list where it yields."""
        policy = RetryPolicy(retries=retries)
        if not self.is_async:
            transport = httpx.MockTransport(service)
            with Client(URL, transport=transport, retries=policy, **options) as client:
                found = use(client)
                return list(found) if isinstance(found, Iterator) else found

        async def run() -> Any:
            transport = httpx.MockTransport(service.answer_async)
            async with AsyncClient(URL, transport=transport, retries=policy, **options) as client:
                found = use(client)
                if isinstance(found, AsyncIterator):
                    return [item async for item in found]
                return await found

        return asyncio.run(run())


def problem(
    code: str,
    status: int,
    *,
    retryable: bool = False,
    retry_after: str | None = None,
    **more: Any,
) -> httpx.Response:
    body = {
        "type": f"/docs/errors#{code}",
        "title": code.title(),
        "status": status,
        "detail": f"What was wrong: {code}.",
        "instance": "/v1/jobs",
        "code": code,
        "request_id": "request-1",
        "retryable": retryable,
        "limit": None,
        "actual": None,
        "errors": [],
        **more,
    }
    headers = {"content-type": "application/problem+json"}
    headers |= {} if retry_after is None else {"retry-after": retry_after}
    return httpx.Response(status, content=json.dumps(body), headers=headers)


def image(size: int, sha256: str) -> dict[str, Any]:
    return {"format": "png", "width": 4, "height": 3, "bytes": size, "sha256": sha256}


def job(status: str = "queued", **more: Any) -> dict[str, Any]:
    here = f"/v1/jobs/{JOB_ID}"
    return {
        "id": JOB_ID,
        "status": status,
        "filename": "a.png",
        "client_metadata": {},
        "task": "denoise",
        "steps": [
            {
                "task": "denoise",
                "parameters": {"noise_level": "auto"},
                "model": "denoise-color",
                "model_version": "1",
                "model_sha256": "0" * 64,
            }
        ],
        "parameters": {"noise_level": "auto"},
        "model": "denoise-color",
        "model_version": "1",
        "model_sha256": "0" * 64,
        "created_at": "2026-01-01T12:00:00Z",
        "started_at": None,
        "finished_at": None,
        "expires_at": "2026-01-02T12:00:00Z",
        "priority": "interactive",
        "queue_position": 0,
        "attempt": 0,
        "cached": False,
        "cancel_requested": False,
        "purged": False,
        "progress": progress(0),
        "timings": {"decode": 1},
        "input": image(100, "1" * 64),
        "output": None,
        "options": {"format": "png"},
        "warnings": [{"code": "metadata-dropped", "detail": "A block was dropped."}],
        "error": None,
        "webhook": None,
        "batch_id": None,
        "urls": {
            "self": here,
            **{name: f"{here}/{name}" for name in ("result", "preview", "events")},
            **{name: f"{here}/{name}" for name in ("cancel", "deliveries")},
        },
        "of_a_newer_service": True,
        **more,
    }


def progress(percent: int) -> dict[str, Any]:
    return {
        "stage": "restore",
        "tiles_done": percent,
        "tiles_total": 100,
        "tile_grid": {"columns": 10, "rows": 10},
        "percent": percent,
    }


def failure(code: str, *, retryable: bool) -> dict[str, Any]:
    return {
        "code": code,
        "title": code.title(),
        "detail": "It failed.",
        "retryable": retryable,
        "limit": 5,
        "actual": 7,
    }


def event(number: int, kind: str, percent: int) -> bytes:
    status = "succeeded" if kind == "completed" else "running"
    state = {
        "id": JOB_ID,
        "status": status,
        "progress": progress(percent),
        "attempt": 1,
        "cancel_requested": False,
        "error": None,
    }
    return f"id: {number}-0\nevent: {kind}\ndata: {json.dumps(state)}\n\n".encode()


def stream(*pieces: bytes, error: Exception | None = None) -> httpx.Response:
    headers = {"content-type": "text/event-stream"}
    return httpx.Response(200, headers=headers, stream=Pieces(list(pieces), error))
