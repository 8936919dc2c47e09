"""Allowed webhook addresses: the form of the URL, and the networks that its host resolves to.

The service sends these requests from inside its network, on behalf of clients (SSRF). They must
reach only public addresses: no private network, no loopback, no cloud metadata service.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self
from urllib.parse import urlsplit

from service.errors import InvalidWebhookUrlError
from service.settings.webhooks import WebhookSettings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CHARACTERS = 2000
_PORTS = {"http": 80, "https": 443}

# Addresses that are global but internal nonetheless: cloud services, and legacy IPv6 forms.
_INSIDE = tuple(
    ip_network(text)
    for text in (
        "168.63.129.16/32",  # Azure's host services
        "192.0.0.0/24",  # protocol assignments, and the metadata service of one cloud
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_NAT64_LOCAL = ip_network("64:ff9b:1::/48")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """A valid URL, split into the parts that a request needs."""

    scheme: str
    host: str
    """Hostname in ASCII, or an address without brackets."""
    port: int
    path: str
    """Path, including the query."""

    @classmethod
    def parse(cls, url: str, settings: WebhookSettings) -> Self:
        """Parse a URL.

        Raises:
            InvalidWebhookUrlError: if the URL is not valid or not allowed; the message gives the
                reason.
        """
        schemes = ("https",) if settings.require_https else ("https", "http")
        if len(url) > _CHARACTERS:
            raise InvalidWebhookUrlError("The URL is too long.", limit=_CHARACTERS, actual=len(url))
        try:
            parts = urlsplit(url)
            port = parts.port
            host = (parts.hostname or "").rstrip(".").encode("idna").decode()
        except ValueError as error:  # invalid port, brackets or hostname
            raise InvalidWebhookUrlError("The URL is malformed.") from error
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise InvalidWebhookUrlError("The URL contains characters that must be escaped.")
        if parts.scheme not in schemes:
            raise InvalidWebhookUrlError(
                "The URL's scheme is not supported.",
                limit=", ".join(schemes),
                actual=parts.scheme[:20] or "none",
            )
        if not host or port == 0:
            raise InvalidWebhookUrlError("The URL has no valid host or port.")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise InvalidWebhookUrlError("The URL must not contain a user, password or fragment.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = cls(scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme], path=path)
        literal = _literal(host)
        if literal is not None and not may_reach(literal, settings.allowed_networks):
            raise InvalidWebhookUrlError(
                "The URL's address is not on the public internet.", actual=host
            )
        return target

    @property
    def authority(self) -> str:
        """Value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def may_reach(address: Address, allowed: Sequence[Network]) -> bool:
    """Return whether requests may go to this address: it is public, or in an allowed network."""
    return all(
        any(part in network for network in allowed)
        or not (
            not part.is_global
            or part.is_multicast
            or any(part in network for network in (*_INSIDE, _NAT64_LOCAL))
        )
        for part in _unwrap(address)
    )


def _unwrap(address: Address) -> Iterator[Address]:
    """Yield the effective addresses: several IPv6 forms embed an IPv4 address."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    number = int(address)
    low = IPv4Address(number & 0xFFFF_FFFF)
    if address in _NAT64:
        yield low
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if (number >> 32) & 0xFDFF_FFFF == 0x0000_5EFE:  # ISATAP
        yield low


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
