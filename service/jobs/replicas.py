"""Waits until replicas of Redis have a record, so that it survives the loss of the primary."""

import logging
from typing import cast

import redis

from service.redis_connection import redis_errors
from service.settings import ReplicaSettings

logger = logging.getLogger(__name__)

# `WAIT` covers the last write of its own connection, so a write is needed. Replicas receive the
# writes of all databases in order: a replica that has this write also has the record, and every
# earlier write.
_REWRITE = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""


class Replicas:
    """Confirms records with `WAIT`."""

    def __init__(self, *, client: redis.Redis, settings: ReplicaSettings) -> None:
        self._redis = client
        self._settings = settings
        self._rewrite = client.register_script(_REWRITE)

    def confirm(self, key: str, field: str, value: str) -> bool:
        """Return whether enough replicas have the hash `key`, with this value of `field`.

        Returns True at once if no replica is required, and False if the record is missing, for
        example after a failover that lost it.

        Raises:
            StoreUnavailableError: if Redis does not answer.
        """
        required = self._settings.required
        if not required:
            return True
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            self._rewrite(keys=[key], args=[field, value], client=pipe)
            pipe.wait(required, int(1000 * self._settings.timeout_seconds))
            found, replicas = cast("tuple[int, int]", tuple(pipe.execute()))
        if not found:
            logger.warning("a record was lost before a replica had it")
        elif replicas < required:
            logger.warning("%d of %d required replicas have a record", replicas, required)
        return bool(found) and replicas >= required
