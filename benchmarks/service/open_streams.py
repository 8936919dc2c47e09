"""Event streams that stay open while a benchmark measures other requests."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

_OPENING = 20
"""Connections that are opened at once."""


def get(url: str, path: str, *, key: str | None = None) -> bytes:
    """Return a GET request, with the API key if one is given."""
    header = "" if key is None else f"X-API-Key: {key}\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n{header}\r\n".encode()


@dataclass(kw_only=True)
class OpenStreams:
    """Streams in a thread of their own; the context manager opens and closes them."""

    url: str
    requests: Sequence[bytes]
    """One for each stream."""
    open: int = 0
    """Streams that have received the head of a response."""
    events: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        tasks = []
        for number, request in enumerate(self.requests):
            tasks.append(asyncio.create_task(self._follow(request)))
            if number % _OPENING == 0:
                await asyncio.sleep(0.05)
        await asyncio.to_thread(self._stop.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, request: bytes) -> None:
        address = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        self.open += 1
        try:
            while data := await reader.read(65536):
                self.events += data.count(b"event: ")
        finally:
            self.open -= 1
            writer.close()
