import socket

import pytest

from service.settings.triton_address import TritonAddresses


def test_one_server_or_a_list():
    assert TritonAddresses.parse("gpu:8001").resolve() == ("gpu:8001",)
    assert TritonAddresses.parse("a:1, b:2,a:1").resolve() == ("a:1", "b:2")
    assert TritonAddresses.parse("[::1]:8001").resolve() == ("[::1]:8001",)


def test_every_address_of_a_name_is_a_server(monkeypatch):
    def look_up(host, port, **_):
        assert (host, port) == ("triton", 8001)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.2", 8001)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fd00::1", 8001, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 8001)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found = TritonAddresses.parse("dns:///triton:8001").resolve()
    assert found == ("10.0.0.1:8001", "10.0.0.2:8001", "[fd00::1]:8001")


def test_a_name_without_an_address_has_no_server(monkeypatch):
    def look_up(*_, **__):
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert TritonAddresses.parse("dns:///triton:8001").resolve() == ()


@pytest.mark.parametrize("url", ["", "gpu", "gpu:8001,", "http://gpu:8001", "dns://gpu:8001", ":1"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match="must look like host:port"):
        TritonAddresses.parse(url)
