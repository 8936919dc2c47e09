"""Free TCP ports: the wanted one, or the next that nobody has."""

import atexit
import errno
import functools
import socket

_TRIES = 100


class PortTakenError(Exception):
    """A port that was asked for by name, or every port near a default, is in use."""


def reserve(host: str, port: int) -> bool:
    """Promise a free port to this process for its life; False if somebody has it.

    A server takes seconds to listen on the port that was chosen for it: in the meantime two stacks
    that start at once must not choose the same. Raises `OSError` for a host that is not ours.
    """
    return is_free(host, port) and _claim(port) is not None


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now; raises `OSError` for a host that is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of a server that just stopped linger; only a listener makes a port taken.
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

    `taken` holds ports promised to other servers of this process. Raises `PortTakenError`.
    """
    last = min(wanted + _TRIES, 65_536)
    for port in range(wanted, last):
        if port not in taken and reserve(host, port):
            taken.add(port)
            return port
    raise PortTakenError(f"no free port on {host} from {wanted} to {last - 1}")


@functools.cache
def _claim(port: int) -> socket.socket | None:
    """Hold the name that stands for a port; None if another process of ours holds it.

    The name lives in Linux's abstract namespace: no file, and gone with the process.
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
