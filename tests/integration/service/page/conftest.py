"""A browser, and APIs with settings of a test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.embedded.ports import choose_port
from tests.integration.service.page.browser import Visit, run_browser
from tests.integration.service.stack import Process, Stack, python


@pytest.fixture(scope="module")
def browser(running_stack: Stack) -> Iterator[Any]:
    """A browser for the module's tests.

    Playwright keeps an event loop in this thread as long as it runs, and `asyncio.run` refuses to
    start another one. So the servers are started before it, and it ends with the module.
    """
    running_stack.start()
    with run_browser() as browser:
        yield browser


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Give a function that opens a page, in a context that ends with the test."""
    before = len(browser.contexts)

    def start(url: str, **options: Any) -> Visit:
        return Visit.start(browser, url, **options)

    yield start
    for context in browser.contexts[before:]:
        context.close()


@pytest.fixture
def open_page(visit: Callable[..., Visit], stack: Stack) -> Callable[..., Visit]:
    """Give a function that opens the page of the running service."""

    def start(**options: Any) -> Visit:
        return visit(f"{stack.client.base_url}/", **options).is_ready()

    return start


@pytest.fixture
def make_api(stack: Stack, taken_ports: set[int], tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Give a function that starts another API on the same servers, and returns its address."""
    started: list[Process] = []

    def start(**environment: str) -> str:
        port = choose_port(28_601, taken=taken_ports)
        metrics_port = choose_port(28_701, taken=taken_ports)
        url = f"http://127.0.0.1:{port}"

        def is_alive() -> bool:
            try:
                return httpx.get(f"{url}/livez", trust_env=False).is_success
            except httpx.HTTPError:
                return False

        api = Process(
            name="another API",
            command=python(
                *("uvicorn", "--factory", "service.api.app:create_app"),
                *("--host", "127.0.0.1", "--port", str(port), "--no-access-log"),
                *("--http", "service.api.http_protocol:HttpProtocol"),
            ),
            environment={
                **stack.api.environment,
                "HIIR_METRICS__API_PORT": str(metrics_port),
                **environment,
            },
            log=tmp_path / f"api-{port}.log",
            is_ready=is_alive,
        )
        started.append(api)
        api.start()
        return url

    yield start
    for api in started:
        api.kill()
