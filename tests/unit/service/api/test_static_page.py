"""The files of the web page, as they are sent."""

import asyncio
import gzip
import re
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from service.api.errors import install_error_handlers
from service.api.routes import page
from service.api.static_page import PAGE_HEADERS, load_page

BUDGET = 100_000
"""Bytes that are transferred before a person can begin."""
LAZY = {"sample.webp"} | {name for name in load_page() if name.startswith("task-")}


Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def get() -> Get:
    """Give a function that sends a request to an application with nothing but the page."""
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(page.router)

    def ask(path: str, **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(send())

    return ask


def test_the_page_and_each_of_its_files_are_sent(get: Get) -> None:
    assert get("/").text.startswith("<!DOCTYPE html>")
    for name, file in load_page().items():
        answer = get(f"/page/{name}")
        assert (answer.status_code, answer.content) == (200, file.content)
        assert answer.headers["content-type"] == file.media_type
        assert {key: answer.headers[key] for key in PAGE_HEADERS} == PAGE_HEADERS


def test_an_address_with_parameters_shows_the_page(get: Get) -> None:
    assert get("/?from=mail").status_code == 200


@pytest.mark.parametrize("name", ["nothing.js", "..%2fapp.py", "%2e%2e%2fapp.py", "index.html%00"])
def test_other_files_are_not_to_be_had(get: Get, name: str) -> None:
    assert get(f"/page/{name}").status_code == 404


def test_what_a_browser_has_is_not_sent_again(get: Get) -> None:
    first = get("/page/app.js")
    again = get("/page/app.js", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_text_is_compressed_for_those_who_accept_it(get: Get) -> None:
    file = load_page()["app.js"]
    assert file.gzipped is not None
    assert gzip.decompress(file.gzipped) == file.content
    plain = get("/page/app.js", **{"Accept-Encoding": "identity"})
    packed = get("/page/app.js", **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
    assert load_page()["sample.webp"].gzipped is None


def test_the_page_is_small() -> None:
    sizes = {
        name: len(file.gzipped or file.content)
        for name, file in load_page().items()
        if name not in LAZY
    }
    assert sum(sizes.values()) < BUDGET, sizes


def test_every_module_is_loaded_at_once() -> None:
    """Otherwise the browser would find them one after another."""
    files = load_page()
    index = files["index.html"].content.decode()
    named = set(re.findall(r'(?:href|src)="page/([\w-]+\.js)"', index))
    assert named == {name for name in files if name.endswith(".js")}


def test_nothing_is_loaded_from_elsewhere_and_no_markup_is_made_of_text() -> None:
    for name, file in load_page().items():
        if name.endswith(".webp"):
            continue
        text = file.content.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(", text), name
        assert not re.search(r"\sstyle=|\son\w+=", text) or name.endswith(".js"), name
