"""Free TCP ports: the preferred one, or the next one that is free."""

import atexit
import errno
import functools
import socket

_TRIES = 100


class PortTakenError(Exception):
    """A configured port, or every port near a default, is in use."""


def reserve(host: str, port: int) -> bool:
    """Reserve a free port for this process; returns False if another process has it.

    A server takes seconds until it listens, and two stacks that start at the same time must not
    choose the same port.

    Raises:
        OSError: if the host does not belong to this machine.
    """
    return is_free(host, port) and _claim(port) is not None


def is_free(host: str, port: int) -> bool:
    """Return whether the port can be bound.

    Raises:
        OSError: if the host does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Lingering connections of a stopped server are ignored; only a listener occupies the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def choose_port(wanted: int, *, taken: set[int], host: str = "127.0.0.1") -> int:
    """Return `wanted` or the next free port above it, and add it to `taken`.

    Args:
        wanted: the preferred port.
        taken: ports of this process's other servers.
        host: the host to bind to.

    Raises:
        PortTakenError: if no port near `wanted` is free.
    """
    last = min(wanted + _TRIES, 65_536)
    for port in range(wanted, last):
        if port not in taken and reserve(host, port):
            taken.add(port)
            return port
    raise PortTakenError(f"no free port on {host} from {wanted} to {last - 1}")


@functools.cache
def _claim(port: int) -> socket.socket | None:
    """Hold a lock for the port; returns None if another process of an embedded stack holds it.

    The lock is a socket in Linux's abstract namespace: it needs no file, and ends with the process.
    """
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0hiir-port-{port}")
    except OSError as error:
        claim.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    atexit.register(claim.close)
    return claim
