"""The connection to Redis and the one translation of its errors, shared by the two stores.

It stands apart so that neither store depends on the other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ChildDeadlockedError,
    ClusterDownError,
    ClusterError,
    IncorrectPolicyType,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry

from service.errors import ServiceError, StoreFaultError, StoreUnavailableError

_CONNECT_SECONDS = 1.0
_REPLY_SECONDS = 3.0

# What passes when Redis comes back, loads its file, finds memory or gets a master again.
_AWAY = (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
    redis.ConnectionError,
    redis.TimeoutError,
)
# Refusals that redis-py has no class for: the disk is full, or a script runs too long.
_AWAY_PREFIXES = ("MISCONF", "BUSY", "NOREPLICAS")
_FAULTS = (
    ChildDeadlockedError,
    ClusterError,
    IncorrectPolicyType,
    RedisClusterException,
    RedisError,
)


def connect(url: str, *, decode_responses: bool) -> redis.Redis:
    """A client with short deadlines; it opens its first connection when it is first used.

    One immediate retry replaces a pooled connection that died with the server. Waiting longer is
    for the caller to decide: the API answers 503, a worker goes on trying.
    """
    return redis.Redis.from_url(
        url,
        decode_responses=decode_responses,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_REPLY_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )


def read_lua(package: str, name: str) -> str:
    """Text of the script `lua/<name>.lua` in a package; Redis runs it as one transaction."""
    return files(package).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


@contextmanager
def redis_errors() -> Iterator[None]:
    """Let no exception of redis-py out: `StoreUnavailableError` or `StoreFaultError` instead."""
    try:
        yield
    except (*_AWAY, *_FAULTS) as error:
        raise translate_redis_error(error) from error


def translate_redis_error(error: Exception) -> ServiceError:
    """`StoreUnavailableError` for what passes by itself, `StoreFaultError` for what does not."""
    refused_for_now = isinstance(error, ResponseError) and str(error).startswith(_AWAY_PREFIXES)
    if isinstance(error, _AWAY) or refused_for_now:
        return StoreUnavailableError("The job store does not answer; try again shortly.")
    return StoreFaultError("The job store refused a command.")
