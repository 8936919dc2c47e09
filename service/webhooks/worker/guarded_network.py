"""Connects to allowed addresses only, within a deadline.

The hostname is resolved once, all of its addresses are checked, and the connection is made to one
of them, so that DNS rebinding has no effect. TLS and the `Host` header still use the hostname.
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
    """The hostname resolves to an address that is not allowed."""


class NameResolutionError(Exception):
    """The hostname cannot be resolved."""


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a hostname; raises `NameResolutionError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameResolutionError(host) from error
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


class GuardedNetwork(httpcore.NetworkBackend):
    """A network backend for one request that must end by `deadline` (of `time.monotonic`)."""

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
        """Connect to the first address of the host that answers.

        Raises `AddressNotAllowedError` if any of them is not allowed.
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
    """Times out at the deadline, even if the receiver keeps sending single bytes."""

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
