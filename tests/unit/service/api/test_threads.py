"""Threads of one kind of work are never taken by another."""

import asyncio
import threading
import time

import pytest

from service.api.threads import Threads


def test_uploads_that_wait_hold_no_thread_of_others() -> None:
    async def check() -> None:
        threads = Threads(uploads=2)
        release = threading.Event()
        uploads = [asyncio.create_task(threads.for_upload(release.wait, 30)) for _ in range(60)]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        assert await threads.for_stream(lambda: 7) == 7
        assert [piece async for piece in threads.iterate([b"a", b"b"])] == [b"a", b"b"]
        assert await asyncio.to_thread(lambda: 8) == 8
        assert time.monotonic() - began < 10
        release.set()
        assert all(await asyncio.gather(*uploads))

    asyncio.run(check())


def test_error_of_a_download_reaches_the_response() -> None:
    def pieces():
        yield b"a"
        raise ValueError("cut")

    async def check() -> None:
        with pytest.raises(ValueError, match="cut"):
            [piece async for piece in Threads(uploads=1).iterate(pieces())]

    asyncio.run(check())
