"""Authentication and authorization, based only on the headers of a request."""

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
    """Id of the API key; None if no keys are required."""


class Access:
    """Authenticates and authorizes requests."""

    def __init__(self, *, keys: KeyStore, mode: AuthMode) -> None:
        self._keys = keys
        self._mode = mode

    def admit(self, connection: Connection, *, wanted: Scope | None) -> Caller:
        """Return the caller of a request.

        Args:
            connection: the request.
            wanted: the required scope; with None any valid key is sufficient.

        Raises:
            ForeignRequestError: in open mode, if the request comes from another machine or page.
            KeyMissingError: if a key is required and missing.
            KeyInvalidError: if the key is not valid.
            ScopeMissingError: if the key lacks the scope.
            StoreUnavailableError: if the keys cannot be read.
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
    """Check that the request comes from this machine, whatever address the server is bound to.

    Requests from pages of other sites in a local browser are also refused: their `Host` differs
    (DNS rebinding), or `Sec-Fetch-Site` or `Origin` reveals them. Some browsers send no
    `Sec-Fetch-Site`, but every form or script that could change something sends `Origin`.

    Raises:
        ForeignRequestError: if it does not.
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
