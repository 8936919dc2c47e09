"""More than the service can take: the one too many is turned away with a time to come back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.limits import Limits
from tests.integration.service.stack import Stack, photo, write

pytestmark = pytest.mark.integration
PNG = write(photo(40, 50))
MakeApp = Callable[..., FastAPI]


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


async def submit(client: httpx.AsyncClient, body: Any = PNG) -> httpx.Response:
    return await client.post(
        "/v1/jobs?task=identity", content=body, headers={"content-type": "image/png"}
    )


def test_full_queue_is_told_before_the_body_is_read(stack: Stack, make_app: MakeApp) -> None:
    stack.worker.kill()
    # Without a measured speed the pause is the default; earlier tests may have left a high speed.
    with stack.database(1) as redis:
        redis.delete("hiir:paces")

    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    async def overfill() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        async with client_of(make_app(limits=Limits(queue_depth=1))) as client:
            first = await submit(client)
            second = await submit(client, unread())
            await client.post(first.json()["urls"]["cancel"])
            third = await submit(client)
            await client.post(third.json()["urls"]["cancel"])
            return first, second, third

    first, second, third = asyncio.run(overfill())
    assert (first.status_code, third.status_code) == (202, 202)
    assert (second.status_code, second.json()["code"]) == (503, "queue-full")
    assert (second.json()["limit"], second.json()["actual"]) == (1, 1)
    assert int(second.headers["retry-after"]) > 1


def test_one_upload_too_many_is_turned_away(make_app: MakeApp) -> None:
    async def crowd() -> tuple[httpx.Response, httpx.Response]:
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield PNG[:100]
            arrived.set()
            await go_on.wait()
            yield PNG[100:]

        async with client_of(make_app(limits=Limits(concurrent_uploads=1))) as client:
            first = asyncio.create_task(submit(client, slow()))
            await arrived.wait()
            second = await submit(client)
            assert (await client.get("/livez")).status_code == 200
            go_on.set()
            return await first, second

    first, second = asyncio.run(crowd())
    assert first.status_code == 202
    assert (second.status_code, second.json()["code"]) == (503, "server-busy")
    assert second.json()["limit"] == 1
    assert int(second.headers["retry-after"]) >= 1


def test_nearly_full_store_takes_no_more_jobs(stack: Stack, make_app: MakeApp) -> None:
    async def send() -> httpx.Response:
        async with client_of(make_app(limits=Limits(store_percent=1))) as client:
            return await submit(client)

    before = stack.stored()
    with stack.database(2) as redis:
        redis.set("ballast", bytes(16 * 2**20), ex=60)
        try:
            answer = asyncio.run(send())
        finally:
            redis.delete("ballast")
    assert (answer.status_code, answer.json()["code"]) == (503, "store-full")
    assert answer.json()["limit"] == 1
    assert answer.json()["actual"] >= 3
    assert int(answer.headers["retry-after"]) >= 1
    assert stack.stored() == before
