"""Clients that send slowly, on real sockets: they keep nobody else from uploading."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from service.embedded.ports import choose_port
from service.limits import Limits
from service.settings import AuthMode
from tests.integration.service.callers import PNG, MakeKey
from tests.integration.service.stack import wait_until

GRACE_S = 3.0


@pytest.fixture
def port(make_app: Callable[..., FastAPI]) -> Iterator[int]:
    app = make_app(auth=AuthMode.KEYS, limits=Limits(body_grace_seconds=GRACE_S))
    number = choose_port(28_701, taken=set())
    server = uvicorn.Server(uvicorn.Config(app, port=number, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, "the server to start")
    yield number
    server.should_exit = True
    thread.join()


def begin_upload(port: int, path: str, key: str) -> socket.socket:
    """Send the head of a POST and four bytes of its body."""
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n"
        "Content-Type: image/png\r\nContent-Length: 100000\r\n\r\n"
    )
    client.sendall(head.encode() + PNG[:4])
    return client


def read_answer(client: socket.socket) -> tuple[int, dict[str, object]]:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)


def test_slow_clients_of_one_tenant_keep_nobody_else_from_uploading(
    port: int, make_key: MakeKey
) -> None:
    slow_key, other_key = make_key("slow"), make_key("other")
    began = time.monotonic()
    with contextlib.ExitStack() as sockets:
        slow = [
            sockets.enter_context(begin_upload(port, "/v1/jobs?task=identity", slow_key))
            for _ in range(16)
        ]
        time.sleep(0.5)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert client.get("/livez").status_code == 200
            other = client.post(
                "/v1/jobs?task=identity",
                content=PNG,
                headers={"X-API-Key": other_key, "Content-Type": "image/png"},
            )
            assert other.status_code == 202, other.text
        answers = [read_answer(client) for client in slow]
    codes = sorted((status, str(problem["code"])) for status, problem in answers)
    assert codes == [(408, "body-too-slow")] * 4 + [(429, "too-many-uploads")] * 12
    assert time.monotonic() - began < GRACE_S + 20
