"""Both clients, and clocks that do not make a test wait."""

import asyncio
import time

import pytest

from tests.unit.clients.python.fakes import Caller


@pytest.fixture(params=["sync", "async"])
def caller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """Each test runs with the synchronous and with the asynchronous client."""
    caller = Caller(is_async=request.param == "async")

    async def sleep(seconds: float) -> None:
        caller.slept.append(seconds)

    monkeypatch.setattr(time, "sleep", caller.slept.append)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return caller
