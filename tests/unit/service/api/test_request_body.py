"""The time of a body grows with the bytes that arrive, and only waiting counts."""

import asyncio

import pytest

from service.api.request_body import RequestBody
from service.errors import BodyTooSlowError
from service.limits import Limits

LIMITS = Limits(body_grace_seconds=0.2, body_bytes_per_second=10_000)
MORE = {"type": "http.request", "more_body": True}
END = {"type": "http.request", "body": b"", "more_body": False}


def run(messages, app, headers=((b"content-length", b"100000"),)):
    """Run `app` behind the middleware; `messages` are pairs of a delay and a message.

    Returns what was sent.
    """
    sent = []
    coming = iter(messages)

    async def receive():
        delay, message = next(coming)
        await asyncio.sleep(delay)
        return message

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": list(headers)}
    asyncio.run(RequestBody(app, limits=LIMITS)(scope, receive, send))
    return sent


async def read_body(scope, receive, send):
    while (await receive()).get("more_body"):
        pass


def test_a_client_that_sends_a_byte_now_and_then_is_refused():
    trickle = [(0.05, {**MORE, "body": b"x"})] * 100
    with pytest.raises(BodyTooSlowError) as refused:
        run(trickle, read_body)
    assert refused.value.status == 408
    assert 1 <= refused.value.actual <= 5


def test_a_client_that_sends_nothing_is_refused():
    with pytest.raises(BodyTooSlowError) as refused:
        run([(60, END)], read_body)
    assert refused.value.actual == 0


def test_a_steady_client_may_take_longer_than_the_grace():
    steady = [(0.05, {**MORE, "body": bytes(1000)})] * 10
    run([*steady, (0, END)], read_body)


def test_the_time_that_the_server_takes_is_not_the_clients():
    async def slow_reader(scope, receive, send):
        for _ in range(5):
            await receive()
            await asyncio.sleep(0.1)

    run([(0, {**MORE, "body": b"x"})] * 4 + [(0, END)], slow_reader)


def test_after_the_body_a_client_may_wait_for_its_answer():
    async def waits_for_disconnect(scope, receive, send):
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    run([(0, END), (0.4, {"type": "http.disconnect"})], waits_for_disconnect)


def test_an_answer_that_has_begun_is_not_interrupted():
    async def streams(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert (await receive())["type"] == "http.disconnect"

    run([(0.4, {"type": "http.disconnect"})], streams)


def answers(status, *, reads):
    """Make an application that receives `reads` messages before it answers."""

    async def app(scope, receive, send):
        for _ in range(reads):
            await receive()
        await send({"type": "http.response.start", "status": status, "headers": []})

    return app


@pytest.mark.parametrize("header", [(b"content-length", b"7"), (b"transfer-encoding", b"chunked")])
def test_a_refusal_ends_the_connection_if_body_remains(header):
    messages = [(0, {**MORE, "body": b"x"}), (0, END)]
    closing = [(b"connection", b"close")]
    for reads, status, expected in (
        (0, 401, closing),
        (1, 413, closing),
        (2, 422, []),
        (0, 202, []),
    ):
        (start,) = run(messages, answers(status, reads=reads), [header])
        assert start["headers"] == expected, (reads, status)


def test_a_refusal_without_a_body_keeps_its_connection():
    for headers in ([], [(b"content-length", b"0")]):
        (start,) = run([], answers(401, reads=0), headers)
        assert start["headers"] == []
