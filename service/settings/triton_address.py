"""The addresses of Triton's servers: one, a list, or all addresses of a DNS name.

gpu1:8001
gpu1:8001,gpu2:8001
dns:///triton-headless:8001
"""

import logging
import socket
from dataclasses import dataclass
from typing import Self

logger = logging.getLogger(__name__)

_DNS = "dns:///"


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonAddresses:
    """Addresses of the servers, or the DNS names that have them."""

    listed: tuple[tuple[str, int], ...]
    by_name: bool = False
    """Whether each host is a DNS name, each of whose addresses is one server."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse a setting.

        Raises:
            ValueError: if it is not such an address.
        """
        by_name = url.startswith(_DNS)
        listed = []
        for entry in url.removeprefix(_DNS).split(","):
            host, _, port = entry.strip().rpartition(":")
            if not host or "/" in host or not port.isdecimal():
                raise ValueError(
                    "must look like host:port, host:port,host:port or dns:///name:port"
                )
            listed.append((host, int(port)))
        return cls(listed=tuple(listed), by_name=by_name)

    def resolve(self) -> tuple[str, ...]:
        """Return `host:port` of each current server, sorted if they come from DNS.

        The result is empty if no name has an address.
        """
        if not self.by_name:
            return tuple(dict.fromkeys(f"{host}:{port}" for host, port in self.listed))
        return tuple(
            sorted({found for host, port in self.listed for found in _look_up(host, port)})
        )


def _look_up(host: str, port: int) -> list[str]:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        logger.warning("cannot resolve %s: %s", host, error)
        return []
    return [f"[{to[0]}]:{port}" if ":" in str(to[0]) else f"{to[0]}:{port}" for *_, to in entries]
