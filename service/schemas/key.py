"""What the API says of keys."""

from datetime import datetime
from typing import Self

from service.keys import ApiKey, Scope
from service.schemas.view import View, to_datetime


class KeyView(View):
    """A live key, without its secret."""

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
            created_at=to_datetime(key.created_at),
            expires_at=None if until is None else to_datetime(until),
        )


class NewKeyView(KeyView):
    """A key that was just made."""

    key: str
    """What is sent as `Authorization: Bearer` or `X-API-Key`; it is not shown again."""


class KeyList(View):
    """A tenant's live keys, the oldest first."""

    keys: list[KeyView]
