"""Free ports: the wanted one, the next one, or a clear refusal."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from service.embedded.ports import PortTakenError, choose_port, is_free, reserve


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on a port of the system's choice."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_a_listener_makes_its_port_taken(listener: socket.socket) -> None:
    assert not is_free("127.0.0.1", port_of(listener))


def test_a_port_is_free_again_when_its_listener_is_gone(listener: socket.socket) -> None:
    port = port_of(listener)
    with socket.create_connection(("127.0.0.1", port)):
        connection, _ = listener.accept()
    listener.close()
    connection.close()  # the server's side first or last: the remains must not count
    assert is_free("127.0.0.1", port)


def test_a_taken_port_is_stepped_over(listener: socket.socket) -> None:
    wanted = port_of(listener)
    taken: set[int] = set()
    chosen = choose_port(wanted, taken=taken)
    assert chosen > wanted
    assert taken == {chosen}


def test_a_promised_port_is_not_given_twice() -> None:
    taken: set[int] = set()
    first = choose_port(42_000, taken=taken)
    assert choose_port(42_000, taken=taken) != first
    assert len(taken) == 2


def test_no_free_port_is_an_error_that_names_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.embedded.ports.reserve", lambda host, port: False)
    with pytest.raises(PortTakenError, match="from 65500 to 65535"):
        choose_port(65_500, taken=set())


def test_a_port_promised_in_another_process_is_stepped_over() -> None:
    code = (
        "from service.embedded.ports import choose_port\n"
        "print(choose_port(43_000, taken=set()), flush=True)\n"
        "input()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        theirs = int(other.stdout.readline())  # nobody listens there yet
        assert choose_port(43_000, taken=set()) != theirs
        assert not reserve("127.0.0.1", theirs)
        other.communicate(b"\n")


def test_an_address_of_another_machine_is_an_error_and_not_taken() -> None:
    with pytest.raises(OSError, match="assign"):
        is_free("192.0.2.1", 8000)  # reserved for documentation: nobody has it
