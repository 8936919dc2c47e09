"""Bodies about API keys."""

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
        """Build the view of a key."""
        until = key.expires_at
        return cls(
            id=key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            created_at=to_datetime(key.created_at),
            expires_at=None if until is None else to_datetime(until),
        )


class NewKeyView(KeyView):
    """A new key with its secret."""

    key: str
    """Send it as `Authorization: Bearer` or `X-API-Key`. It is not shown again."""


class KeyList(View):
    """A tenant's live keys, oldest first."""

    keys: list[KeyView]
