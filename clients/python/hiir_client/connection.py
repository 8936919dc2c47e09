"""Settings of the HTTP clients."""

import ipaddress
from collections.abc import Mapping
from typing import TypedDict
from urllib.parse import urlsplit

import httpx

VERSION = "0.1.0"

DEFAULT_URL = "http://127.0.0.1:8000"
_SECONDS = 60.0
_CONNECT_SECONDS = 10.0


class Connection(TypedDict):
    """Arguments of `httpx.Client` and of `httpx.AsyncClient`."""

    base_url: str
    headers: Mapping[str, str]
    timeout: httpx.Timeout
    trust_env: bool
    follow_redirects: bool


def connection(base_url: str, *, api_key: str | None) -> Connection:
    """Return the settings for a service.

    Redirects are not followed, because they would send the key to another host.

    Raises:
        ValueError: if the address is not an HTTP URL.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(
            f"The service's address begins with http:// or https://, not {base_url!r}."
        )
    headers = {"User-Agent": f"hiir-client/{VERSION}"}
    if api_key is not None:
        headers["Authorization"] = f"Bearer {api_key}"
    return {
        "base_url": base_url,
        "headers": headers,
        "timeout": httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS),
        # A proxy of the environment cannot reach the loopback interface of this machine.
        "trust_env": not _is_loopback(parts.hostname),
        "follow_redirects": False,
    }


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
