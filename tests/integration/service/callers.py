"""Requests to an application of a test's own, with keys."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from fastapi import FastAPI

from tests.integration.service.stack import photo, write

MakeKey = Callable[..., str]
PNG = write(photo(40, 50))


def ask(
    app: FastAPI,
    method: str,
    path: str,
    *,
    key: str | None = None,
    base_url: str = "http://test",
    **more: Any,
) -> Any:
    """One request to an application of the test's own."""

    async def send() -> httpx.Response:
        headers = {**more.pop("headers", {}), **({"X-API-Key": key} if key else {})}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
            return await client.request(method, path, headers=headers, **more)

    return asyncio.run(send())


def submit(app: FastAPI, key: str, **headers: str) -> httpx.Response:
    kind = {"content-type": "image/png", **headers}
    return ask(app, "POST", "/v1/jobs?task=identity", key=key, content=PNG, headers=kind)
