"""Clients that load a service with requests at a fixed rate.

They speak HTTP/1.1 over plain sockets: a client library would take more of the processor than the
service does.
"""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit

import numpy as np

_CODE = re.compile(rb'"code": ?"([a-z-]+)"')
_CONNECTIONS = 64


@dataclass(frozen=True, kw_only=True)
class Latencies:
    """Milliseconds of the requests that were accepted, and the number of the others by code.

    "0" is that of a connection which was closed without a response.
    """

    milliseconds: Sequence[float]
    others: dict[str, int]
    per_second: float
    """Rate that was reached."""

    def __str__(self) -> str:
        if not self.milliseconds:
            return f"none was accepted: {self.others}"
        p50, p99 = (self.percentile(part) for part in (50, 99))
        refused = f", refused {self.others}" if self.others else ""
        return (
            f"{len(self.milliseconds)} at {self.per_second:.0f}/s: p50 {p50:.1f} ms, "
            f"p99 {p99:.1f} ms, most {max(self.milliseconds):.0f} ms{refused}"
        )

    def percentile(self, part: float) -> float:
        return float(np.percentile(self.milliseconds, part))


async def request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes
) -> tuple[int, bytes]:
    """Send a request; returns status and body of the response."""
    writer.write(content)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
    return int(lines[0].split()[1]), await reader.readexactly(length)


def submission(url: str, key: str, image: bytes, *, task: str) -> bytes:
    head = (
        f"POST /v1/jobs?task={task} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        f"X-API-Key: {key}\r\nContent-Type: image/png\r\nContent-Length: {len(image)}\r\n\r\n"
    )
    return head.encode() + image


def send_at_rate(
    url: str, contents: Sequence[bytes], *, per_second: float, seconds: float, expected: int
) -> Latencies:
    """Send requests at fixed times, whether earlier ones were answered or not.

    A request counts from the time at which it was due, so that one which has to wait for a
    connection is not flattered.
    """
    return asyncio.run(_send_at_rate(url, cycle(contents), per_second, seconds, expected))


async def _send_at_rate(
    url: str, contents: Iterator[bytes], per_second: float, seconds: float, expected: int
) -> Latencies:
    address = urlsplit(url)
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(await asyncio.open_connection(address.hostname, address.port))
    found: list[float] = []
    others: dict[str, int] = {}

    async def one(content: bytes, due: float) -> None:
        connection = await free.get()
        try:
            status, body = await request(*connection, content)
        except (asyncio.IncompleteReadError, ConnectionError):
            status, body = 0, b""
        if status != expected:  # the service closes the connection of a body that it refuses
            connection[1].close()
            connection = await asyncio.open_connection(address.hostname, address.port)
        free.put_nowait(connection)
        if status == expected:
            found.append(1000 * (time.perf_counter() - due))
        else:
            code = _CODE.search(body)
            name = code[1].decode() if code else str(status)
            others[name] = others.get(name, 0) + 1

    begin = time.perf_counter()
    sending = []
    for number in range(int(per_second * seconds)):
        due = begin + number / per_second
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        sending.append(asyncio.create_task(one(next(contents), due)))
    await asyncio.gather(*sending)
    took = time.perf_counter() - begin
    while not free.empty():
        free.get_nowait()[1].close()
    return Latencies(milliseconds=found, others=others, per_second=len(sending) / took)
