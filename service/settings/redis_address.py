"""The address of a Redis server whose primary is named by Sentinel.

    redis+sentinel://USER:PASSWORD@SENTINEL:PORT,SENTINEL:PORT/SERVICE?sentinel_password=PASSWORD

User and password belong to the Redis servers. Separate credentials of the sentinels are given in
the query (`sentinel_username`, `sentinel_password`). `rediss+sentinel` encrypts the connections to
both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

_SCHEMES = {"redis+sentinel": False, "rediss+sentinel": True}
_QUERY = {"sentinel_username", "sentinel_password"}
_DEFAULT_PORT = 26379


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelAddress:
    """Sentinels, the service that they monitor, and the credentials of both kinds of servers."""

    sentinels: tuple[tuple[str, int], ...]
    """Host and port of each sentinel."""
    service: str
    tls: bool = False
    database: int | None = None
    username: str | None = None
    password: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = None

    @staticmethod
    def matches(url: str) -> bool:
        """Return whether a URL has one of the schemes."""
        return url.partition("://")[0] in _SCHEMES

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse a URL, with or without `/DATABASE` after the service.

        Raises:
            ValueError: if the URL is not valid; the message contains no part of the URL.
        """
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        username, _, password = credentials.partition(":")
        service, _, database = parts.path.strip("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if not service:
            raise ValueError(
                "must name the service that the sentinels watch: "
                "redis+sentinel://host:26379,host:26379/SERVICE"
            )
        if database and not database.isdecimal():
            raise ValueError("must have one part after the sentinels, the name of the service")
        if not query.keys() <= _QUERY:
            raise ValueError(f"may have only {' and '.join(sorted(_QUERY))} in its query")
        return cls(
            sentinels=tuple(_hosts(hosts)),
            service=unquote(service),
            tls=_SCHEMES[parts.scheme],
            database=int(database) if database else None,
            username=unquote(username) or None,
            password=unquote(password) or None,
            sentinel_username=query.get("sentinel_username") or None,
            sentinel_password=query.get("sentinel_password") or None,
        )


def _hosts(text: str) -> Iterator[tuple[str, int]]:
    for host in text.split(","):
        parts = urlsplit(f"//{host}")
        try:
            name, port = parts.hostname, parts.port
        except ValueError:
            name, port = None, None
        if not name:
            raise ValueError("must list the sentinels as host:port,host:port")
        yield name, port or _DEFAULT_PORT
