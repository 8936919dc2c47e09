"""A HEAD answer is that of GET without its body, even where GET would never end."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from service.api.head_requests import HeadRequests


async def endless():
    while True:
        yield b"more"
        await asyncio.sleep(0.001)


@pytest.fixture
def app():
    made = FastAPI()
    made.add_middleware(HeadRequests)

    @made.get("/whole")
    def whole():
        """Return a small document."""
        return {"a": 1}

    @made.get("/stream")
    def stream():
        """Return a body that does not end."""
        return StreamingResponse(endless(), headers={"Content-Length": "123456"})

    return made


def ask(app, method, path):
    async def send():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await asyncio.wait_for(client.request(method, path), 10)

    return asyncio.run(send())


def test_head_has_the_headers_of_get_and_no_body(app):
    get, head = ask(app, "GET", "/whole"), ask(app, "HEAD", "/whole")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers
    assert head.headers["content-length"] == "7"


def test_head_of_a_stream_ends_with_its_headers(app):
    head = ask(app, "HEAD", "/stream")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == "123456"


def test_other_methods_pass_unchanged(app):
    assert ask(app, "GET", "/whole").json() == {"a": 1}
    assert ask(app, "POST", "/whole").status_code == 405
