"""Connections to public addresses alone, each for a limited time.

The name is resolved once, every address that it has is checked, and the connection is made to one
of those that were checked: a name that means something else a moment later changes nothing. TLS and
the `Host` header still see the name.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any

import httpcore

from service.webhooks.target import Network, may_reach

Resolver = Callable[[str, int], Sequence[str]]


class AddressNotAllowedError(Exception):
    """The name leads to an address that must not be reached from here."""


class NameResolutionError(Exception):
    """The name leads nowhere."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name; raises `NameResolutionError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameResolutionError(host) from error
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


class GuardedNetwork(httpcore.NetworkBackend):
    """A backend for one request, which must be over at `deadline` (of `time.monotonic`)."""

    def __init__(
        self, *, allowed: Sequence[Network], deadline: float, resolver: Resolver = resolve
    ) -> None:
        self._allowed = allowed
        self._deadline = deadline
        self._resolve = resolver
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the name's addresses that answers.

        Raises `AddressNotAllowedError` if any of them is one that must not be reached.
        """
        addresses = [ip_address(text) for text in self._resolve(host, port)]
        for address in addresses:
            if not may_reach(address, self._allowed):
                raise AddressNotAllowedError(host)
        failure: Exception = NameResolutionError(host)
        for address in addresses:
            try:
                stream = self._network.connect_tcp(
                    str(address),
                    port,
                    timeout=_left(self._deadline, timeout, httpcore.ConnectTimeout),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except httpcore.ConnectError as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """Ends at the deadline, however often a byte comes before: dripping holds nobody."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, timeout, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None, kind: type[httpcore.TimeoutException]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise kind
    return left if timeout is None else min(left, timeout)
