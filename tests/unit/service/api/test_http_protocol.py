"""What the server refuses before the application sees it, on a real socket."""

import contextlib
import json
import socket
import threading
import time

import pytest
import uvicorn

from service.embedded.ports import choose_port


async def app(scope, receive, send):
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    await send(start)
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port():
    number = choose_port(28_951, taken=set())
    config = uvicorn.Config(
        app,
        port=number,
        http="service.api.http_protocol:HttpProtocol",
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield number
    server.should_exit = True
    thread.join()


def ask(port, request):
    """Send raw bytes; returns the status, the header lines and the body."""
    received = b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as client,
        contextlib.suppress(ConnectionError),
    ):
        client.sendall(request)
        while chunk := client.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower().split("\r\n"), body


def test_a_good_request_is_answered_by_the_application(port):
    request = b"GET /?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    status, _, body = ask(port, request)
    assert (status, body) == (200, b"ok")


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        (b"GET /" + b"a" * 66_000 + b" HTTP/1.1", 414, "url-too-long"),
        (b"GET http://[ HTTP/1.1", 400, "invalid-request"),
        (b"NONSENSE", 400, "invalid-request"),
    ],
)
def test_a_request_that_cannot_be_parsed_is_a_problem(port, request_line, status, code):
    answered, head, body = ask(port, request_line + b"\r\nHost: x\r\n\r\n")
    assert answered == status
    assert "content-type: application/problem+json" in head
    assert "connection: close" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert f"x-request-id: {problem['request_id']}" in head
