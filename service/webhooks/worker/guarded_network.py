"""Connects to allowed addresses only.

The hostname is resolved once, all of its addresses are checked, and the connection is made to one
of them, so that DNS rebinding has no effect. TLS and the `Host` header still use the hostname.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import httpcore

from service.webhooks.target import Network, may_reach

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressNotAllowedError(Exception):
    """The hostname resolves to an address that is not allowed."""


class NameResolutionError(Exception):
    """The hostname cannot be resolved."""


class ThreadedResolver:
    """Calls the system's resolver in separate threads, which slow name servers may block."""

    def __init__(self, *, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return every address of a hostname.

        The caller may stop waiting; the lookup then ends in the background.

        Raises:
            NameResolutionError: if the hostname cannot be resolved.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, resolve, host, port)


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a hostname.

    Raises:
        NameResolutionError: if it cannot be resolved.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameResolutionError(host) from error
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


class GuardedNetwork(httpcore.AnyIOBackend):
    """A network backend that connects to allowed addresses; the caller sets the deadline."""

    def __init__(
        self, *, allowed: Sequence[Network], connect_seconds: float, resolver: Resolver
    ) -> None:
        self._allowed = allowed
        self._connect_seconds = connect_seconds
        self._resolve = resolver

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that answers; the time is divided among them.

        Raises:
            AddressNotAllowedError: if any of the addresses is not allowed.
        """
        addresses = [ip_address(text) for text in await self._resolve(host, port)]
        for address in addresses:
            if not may_reach(address, self._allowed):
                raise AddressNotAllowedError(host)
        failure: Exception = NameResolutionError(host)
        for address in addresses:
            try:
                return await super().connect_tcp(
                    str(address),
                    port,
                    timeout=timeout or self._connect_seconds / len(addresses),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure
