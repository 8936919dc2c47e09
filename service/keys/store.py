"""API keys in Redis: one hash per key, which expires with it, and an index."""

from collections.abc import Mapping
from typing import cast

import redis

from service.keys.key import ApiKey, Scope, key_id_of
from service.redis_connection import connect, read_lua, redis_errors, redis_time
from service.settings import RedisDatabase, Settings

_INDEX = "hiir:keys"
_SECONDS_A_DAY = 86_400


class KeyLimitError(Exception):
    """The tenant has the maximum number of live keys; the message says what to do."""


class KeyStore:
    """Keys of all tenants. Every method raises `StoreUnavailableError` while Redis is down."""

    def __init__(self, *, client: redis.Redis, live_keys: int) -> None:
        self._redis = client
        self._live_keys = live_keys
        self._create = client.register_script(read_lua("service.keys", "create"))

    @classmethod
    def from_settings(cls, settings: Settings) -> "KeyStore":
        """Build the store on the state database."""
        url = settings.database_url(RedisDatabase.STATE)
        return cls(client=connect(url, decode_responses=True), live_keys=settings.limits.live_keys)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def create(
        self, *, tenant: str, scopes: frozenset[Scope], name: str = "", days: int | None = None
    ) -> tuple[ApiKey, str]:
        """Create a key; returns it with its token, which is not stored.

        Raises:
            ValueError: see `ApiKey.make`.
            KeyLimitError: if the tenant already has two live keys. Two keys allow a new one to be
                rolled out before the old one is revoked.
        """
        now = redis_time(self._redis)  # this clock also expires the key
        seconds = None if days is None else days * _SECONDS_A_DAY
        key, token = ApiKey.make(
            tenant=tenant,
            scopes=scopes,
            name=name,
            created_at=now,
            expires_at=None if seconds is None else now + seconds,
        )
        fields = [part for pair in key.to_fields().items() for part in pair]
        with redis_errors():
            live = self._create(
                keys=[_key(key.id), _INDEX],
                args=[key.id, tenant, self._live_keys, _key(""), seconds or "", *fields],
            )
        if live:
            raise KeyLimitError(
                f"{tenant} has {live} live keys; the limit is {self._live_keys}: revoke one first"
            )
        return key, token

    def find(self, token: str) -> ApiKey | None:
        """Return the live key that a token belongs to."""
        key_id = key_id_of(token)
        key = None if key_id is None else self.get(key_id)
        return key if key is not None and key.matches(token) else None

    def get(self, key_id: str) -> ApiKey | None:
        """Return the live key with this id."""
        with redis_errors():
            fields = cast("Mapping[str, str]", self._redis.hgetall(_key(key_id)))
        return ApiKey.from_fields(fields) if fields else None

    def live(self, tenant: str | None = None) -> list[ApiKey]:
        """Return all live keys, or those of one tenant, oldest first."""
        with redis_errors():
            ids = cast("Mapping[str, str]", self._redis.hgetall(_INDEX))
            wanted = [key_id for key_id, owner in ids.items() if tenant in {None, owner}]
            with self._redis.pipeline(transaction=False) as pipe:
                for key_id in wanted:
                    pipe.hgetall(_key(key_id))
                records = cast("list[Mapping[str, str]]", pipe.execute())
        keys = [ApiKey.from_fields(record) for record in records if record]
        return sorted(keys, key=lambda key: key.created_at)

    def revoke(self, key_id: str) -> bool:
        """Revoke a key, effective with the next request; returns False if it does not exist."""
        with redis_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_key(key_id))
            pipe.hdel(_INDEX, key_id)
            return bool(pipe.execute()[0])


def _key(key_id: str) -> str:
    return f"hiir:key:{key_id}"
