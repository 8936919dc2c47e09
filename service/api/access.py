"""Authentication and authorization, from the headers of a request alone."""

import re
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope as Connection

from service.errors import ForeignRequestError, KeyInvalidError, KeyMissingError, ScopeMissingError
from service.jobs.job import OPEN_TENANT
from service.keys import KeyStore, Scope
from service.settings import AuthMode, is_loopback

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(\S+)")
_PORT = re.compile(r":\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated client of a request."""

    tenant: str
    key_id: str | None
    """None where no keys are required."""


class Access:
    """Authenticates and authorizes requests."""

    def __init__(self, *, keys: KeyStore, mode: AuthMode) -> None:
        self._keys = keys
        self._mode = mode

    def admit(self, connection: Connection, *, wanted: Scope | None) -> Caller:
        """Return the caller of a request that requires the scope `wanted`.

        With None any valid key is enough. Raises `ForeignRequestError` in open mode, otherwise
        `KeyMissingError`, `KeyInvalidError`, `ScopeMissingError`, and `StoreUnavailableError` if
        the keys cannot be read.
        """
        if self._mode is AuthMode.OPEN:
            _require_loopback(connection)
            return Caller(tenant=OPEN_TENANT, key_id=None)
        key = self._keys.find(_token(Headers(scope=connection)))
        if key is None:
            raise KeyInvalidError("The API key is unknown, revoked or expired.")
        if wanted is not None and not key.allows(wanted):
            has = " ".join(sorted(key.scopes))
            raise ScopeMissingError(
                f"This request requires the scope {wanted}.", limit=wanted.value, actual=has
            )
        return Caller(tenant=key.tenant, key_id=key.id)


def _require_loopback(connection: Connection) -> None:
    """Raise `ForeignRequestError` unless the request comes from this machine.

    That holds whatever address the server is bound to. Pages of other sites in a local browser are
    refused too: their `Host` differs (DNS rebinding), or `Sec-Fetch-Site` or `Origin` says so. Some
    browsers send no `Sec-Fetch-Site`, but `Origin` comes with every form and script that could
    change something.
    """
    headers = Headers(scope=connection)
    client = (connection.get("client") or ("", 0))[0]
    name = _PORT.sub("", headers.get("host", "")).strip("[]")
    if not (is_loopback(client) and is_loopback(name)):
        raise ForeignRequestError("Without API keys, only requests from this machine are accepted.")
    cross_site = headers.get("sec-fetch-site") in {"cross-site", "same-site"}
    origin = headers.get("origin")
    if cross_site or (origin is not None and not _is_own_origin(origin, headers["host"])):
        raise ForeignRequestError(
            "Without API keys, requests out of pages of other sites are refused.",
            limit=headers["host"],
            actual=(origin or headers["sec-fetch-site"])[:100],
        )


def _is_own_origin(origin: str, host: str) -> bool:
    """Return whether a page of `origin` was served by this server, which `host` names."""
    scheme, _, authority = origin.partition("://")
    return scheme in {"http", "https"} and authority.lower() == host.lower()


def _token(headers: Headers) -> str:
    authorization = headers.get("authorization")
    if authorization is not None:
        found = _BEARER.fullmatch(authorization.strip())
        if found is None:
            raise KeyInvalidError(
                "The header must be `Authorization: Bearer` followed by the API key."
            )
        return found[1]
    key = headers.get("x-api-key")
    if key is None:
        raise KeyMissingError("Send an API key as `Authorization: Bearer` or `X-API-Key`.")
    return key.strip()
