"""What the API says of keys."""

from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from service.keys import ApiKey, Scope


class KeyView(BaseModel):
    """A live key, without its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """A key as it is shown."""
        until = key.expires_at
        return cls(
            id=key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            created_at=datetime.fromtimestamp(key.created_at, UTC),
            expires_at=None if until is None else datetime.fromtimestamp(until, UTC),
        )


class NewKeyView(KeyView):
    """A key that was just made."""

    key: str
    """What is sent as `Authorization: Bearer` or `X-API-Key`; it is not shown again."""


class KeyList(BaseModel):
    """A tenant's live keys, the oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: list[KeyView]
