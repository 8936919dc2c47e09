"""Addresses of a stack that is about to start."""

import socket
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from service.embedded.addresses import Addresses
from service.embedded.settings import StackSettings
from service.embedded.supervisor import StackError


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in StackSettings.model_fields:
        monkeypatch.delenv(f"HIIR_{field.upper()}", raising=False)


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def choose(**given: object) -> Addresses:
    return Addresses.choose(StackSettings(**given))


def test_every_server_gets_a_port_of_its_own() -> None:
    chosen = choose()
    ports = {chosen.port, chosen.redis_port, chosen.triton_port}
    assert None not in ports
    assert len(ports) == 3
    password = chosen.redis_password.get_secret_value()
    assert chosen.redis_url.get_secret_value() == (
        f"redis://:{password}@127.0.0.1:{chosen.redis_port}"
    )
    assert len(password) > 30
    assert password not in repr(chosen)
    assert chosen.triton_url == f"127.0.0.1:{chosen.triton_port}"


def test_given_servers_get_no_port() -> None:
    chosen = choose(
        redis_url="redis://cache:6379",
        triton_url="gpu:8001",
    )
    assert chosen.redis_port is chosen.triton_port is None
    assert chosen.redis_url == SecretStr("redis://cache:6379")
    assert chosen.triton_url == "gpu:8001"


@pytest.mark.parametrize("url", ["gpu", "http://gpu", ":8001"])
def test_a_triton_address_without_host_and_port_is_refused(url: str) -> None:
    with pytest.raises(StackError, match="host:port"):
        choose(triton_url=url)


def test_a_port_asked_for_by_name_must_be_free(busy_port: int) -> None:
    with pytest.raises(StackError, match=f"port {busy_port} on 127.0.0.1 is in use"):
        choose(port=busy_port)


@pytest.mark.parametrize("port", [None, 8000])
def test_a_host_that_is_not_this_machine_is_refused(port: int | None) -> None:
    with pytest.raises(StackError, match=r"listen on 192\.0\.2\.1"):
        choose(host="192.0.2.1", port=port)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_the_api_is_reached_on_this_machine(host: str, url: str) -> None:
    chosen = Addresses(
        host=host,
        port=8000,
        redis_url=SecretStr(""),
        redis_port=None,
        redis_password=SecretStr(""),
        triton_url="",
        triton_port=None,
        metrics_ports=(9464, 9465),
    )
    assert chosen.api_url == url
