"""The sender against real sockets, with names that lead where the test wants."""

import asyncio
import socket
import threading
import time
from collections.abc import Sequence

import pytest

from service.settings.webhooks import WebhookSettings
from service.webhooks.worker.guarded_network import Resolver, ThreadedResolver
from service.webhooks.worker.sender import Answer, WebhookSender
from tests.integration.service.receiver import receiving

pytestmark = pytest.mark.integration
HOST = "127.0.0.2"
ALLOWED = WebhookSettings(
    require_https=False, allowed_networks=("127.0.0.2/32", "127.0.0.3/32"), timeout_seconds=5
)


def leads_to(*addresses: str) -> Resolver:
    async def resolver(_: str, __: int) -> Sequence[str]:
        return addresses

    return resolver


def send(url: str, resolver: Resolver, settings: WebhookSettings = ALLOWED) -> Answer:
    sender = WebhookSender(settings=settings, resolver=resolver)
    return asyncio.run(sender.send(url, headers={}, body=b"{}"))


def port_of(url: str) -> int:
    return int(url.split(":")[2].partition("/")[0])


def test_name_that_leads_elsewhere_a_moment_later_changes_nothing() -> None:
    """Rebinding: public when it is checked, loopback when it is asked again."""
    answers = [[HOST], ["127.0.0.1"], ["127.0.0.1"]]
    asked = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    with receiving(HOST) as receiver:
        port = port_of(receiver.url)
        first = send(f"http://hooks.example:{port}/", resolver)
        assert first.attempt.status_code == 204
        assert asked == ["hooks.example"], "one look, and a connection to what was seen"
        assert receiver.received[0][0]["host"] == f"hooks.example:{port}"
        second = send(f"http://hooks.example:{port}/", resolver)
        assert second.attempt.error == "address-refused"
        assert len(receiver.received) == 1


def test_one_forbidden_address_among_several_is_one_too_many() -> None:
    with receiving(HOST) as receiver:
        url = f"http://hooks.example:{port_of(receiver.url)}/"
        assert send(url, leads_to(HOST, "127.0.0.1")).attempt.error == "address-refused"
        assert receiver.received == []


def test_address_that_does_not_answer_is_followed_by_the_next() -> None:
    with receiving(HOST) as receiver:
        url = f"http://hooks.example:{port_of(receiver.url)}/"
        assert send(url, leads_to("127.0.0.3", HOST)).attempt.status_code == 204


def test_unknown_name_is_told_apart() -> None:
    answer = send("http://hooks.invalid/", ThreadedResolver(threads=1))
    assert answer.attempt.error == "name-unknown"


def test_name_server_that_does_not_answer_is_not_waited_for_beyond_the_deadline() -> None:
    async def resolver(_: str, __: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return [HOST]

    settings = ALLOWED.model_copy(update={"timeout_seconds": 0.3})
    began = time.monotonic()
    assert send("http://hooks.example/", resolver, settings).attempt.error == "timeout"
    assert time.monotonic() - began < 5


def test_tls_is_asked_for_by_name_on_the_checked_address() -> None:
    with socket.create_server((HOST, 0)) as server:
        heard: list[bytes] = []

        def listen() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(4096))
                connection.sendall(b"no TLS here\r\n")

        thread = threading.Thread(target=listen)
        thread.start()
        url = f"https://hooks.example:{server.getsockname()[1]}/"
        answer = send(url, leads_to(HOST))
        thread.join()
    assert answer.attempt.error == "tls-failed"
    assert b"hooks.example" in heard[0]
