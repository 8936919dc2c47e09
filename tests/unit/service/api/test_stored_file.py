"""How files leave the API: small ones as a whole, larger ones as they are read."""

from collections.abc import Iterator

import anyio
import pytest
from starlette.types import Message

from service.api.stored_file import file_response
from service.api.threads import Threads
from service.errors import StoreFaultError

MIB = 2**20


def received(pieces: Iterator[bytes], size: int) -> list[Message]:
    """The messages that a server receives."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def answer() -> None:
        response = file_response(
            pieces,
            size=size,
            threads=Threads(uploads=1),
            media_type="image/png",
            headers={"A": "b"},
        )
        scope = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.4"}}
        await response(scope, receive, send)

    anyio.run(answer)
    return messages


@pytest.mark.parametrize(
    ("pieces", "bodies"),
    [([b"x" * 10], 1), ([b"x" * 5, b"y" * 5], 1), ([b"x" * MIB], 1), ([b"x" * MIB, b"y"], 3)],
)
def test_all_bytes_leave_with_their_number(pieces: list[bytes], bodies: int) -> None:
    size = sum(map(len, pieces))
    start, *rest = received(iter(pieces), size)
    headers = dict(start["headers"])
    assert headers[b"content-length"] == str(size).encode()
    assert headers[b"content-type"] == b"image/png"
    assert headers[b"a"] == b"b"
    assert b"".join(message.get("body", b"") for message in rest) == b"".join(pieces)
    assert len(rest) == bodies


def test_damage_of_a_small_file_is_reported_before_the_answer_begins() -> None:
    def damaged() -> Iterator[bytes]:
        raise StoreFaultError("A stored file is damaged.")
        yield b""

    with pytest.raises(StoreFaultError):
        received(damaged(), 10)
