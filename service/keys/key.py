"""An API key: a token that only its owner has, and the record that the service stores. No I/O.

A token has the form `hiir_<id>_<secret>`. The id finds the record, which holds only the token's
SHA-256: the secret has 256 random bits, so a slow hash would add no security.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

_TOKEN = re.compile(r"hiir_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Scope(StrEnum):
    """Permissions of a key."""

    READ = "jobs:read"
    """Follow and list jobs, download results."""
    WRITE = "jobs:write"
    """Submit, cancel and delete jobs."""
    ADMIN = "admin"
    """Both, and manage the tenant's keys."""


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key, without its secret. Times are seconds since the epoch."""

    id: str
    tenant: str
    scopes: frozenset[Scope]
    name: str
    """Label: the program or machine that uses the key."""
    created_at: float
    expires_at: float | None
    sha256: str
    """SHA-256 of the whole token, in lowercase hex."""

    @classmethod
    def make(
        cls,
        *,
        tenant: str,
        scopes: frozenset[Scope],
        name: str,
        created_at: float,
        expires_at: float | None,
    ) -> tuple[Self, str]:
        """Create a key and its token, which is available only here.

        Raises:
            ValueError: if the tenant name is invalid, or the key has no scopes.
        """
        if not _TENANT.fullmatch(tenant):
            raise ValueError("a tenant name has 1 to 63 lowercase letters, digits and dashes")
        if not scopes:
            raise ValueError("a key requires at least one scope")
        key_id = secrets.token_hex(6)
        token = f"hiir_{key_id}_{secrets.token_urlsafe(32)}"
        key = cls(
            id=key_id,
            tenant=tenant,
            scopes=scopes,
            name=name,
            created_at=created_at,
            expires_at=expires_at,
            sha256=_digest(token),
        )
        return key, token

    def allows(self, scope: Scope) -> bool:
        """Return whether the key has `scope`."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def matches(self, token: str) -> bool:
        """Return whether `token` belongs to the key, comparing in constant time."""
        return hmac.compare_digest(self.sha256, _digest(token))

    def to_fields(self) -> dict[str, str]:
        """Return the fields of the record."""
        return {
            "id": self.id,
            "tenant": self.tenant,
            "scopes": " ".join(sorted(self.scopes)),
            "name": self.name,
            "created_at": repr(self.created_at),
            "expires_at": "" if self.expires_at is None else repr(self.expires_at),
            "sha256": self.sha256,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Parse the output of `to_fields`."""
        return cls(
            id=fields["id"],
            tenant=fields["tenant"],
            scopes=frozenset(map(Scope, fields["scopes"].split())),
            name=fields["name"],
            created_at=float(fields["created_at"]),
            expires_at=float(fields["expires_at"]) if fields["expires_at"] else None,
            sha256=fields["sha256"],
        )


def key_id_of(token: str) -> str | None:
    """Return the id contained in a token; None if the token is malformed."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
