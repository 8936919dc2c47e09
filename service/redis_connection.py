"""The Redis client, and the one translation of its errors, for all stores."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from weakref import WeakValueDictionary

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

from service.errors import (
    ServiceError,
    StoreFaultError,
    StoreFullError,
    StoreUnavailableError,
)

_CONNECT_SECONDS = 1.0
_REPLY_SECONDS = 3.0
_MAX_CONNECTIONS = 128
"""More than the threads of a process."""

_lock = threading.Lock()
_pools: WeakValueDictionary[tuple[str, bool], redis.ConnectionPool] = WeakValueDictionary()
"""By URL and whether replies are decoded; a pool lives as long as its clients."""

# Errors that pass when Redis is back, has loaded its file or has a master again.
_AWAY = (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    ReadOnlyError,
    TryAgainError,
    redis.ConnectionError,
    redis.TimeoutError,
)
# Refusals without a class in redis-py: the disk is full, or a script runs too long.
_AWAY_PREFIXES = ("MISCONF", "BUSY", "NOREPLICAS")
_FAULTS = (
    ChildDeadlockedError,
    ClusterError,
    IncorrectPolicyType,
    RedisClusterException,
    RedisError,
)


def connect(url: str, *, decode_responses: bool) -> redis.Redis:
    """Return a client with short timeouts; it connects on first use.

    All clients of a process for one database share a bounded pool; a caller that waits for a
    connection in vain gets a `ConnectionError`. One immediate retry replaces a pooled connection
    that died with the server. Longer retries are the caller's decision: the API answers 503, a
    worker keeps trying.
    """
    with _lock:
        pool = _pools.get((url, decode_responses))
        if pool is None:
            pool = redis.BlockingConnectionPool.from_url(
                url,
                decode_responses=decode_responses,
                max_connections=_MAX_CONNECTIONS,
                timeout=_REPLY_SECONDS,
                socket_connect_timeout=_CONNECT_SECONDS,
                socket_timeout=_REPLY_SECONDS,
                retry=Retry(NoBackoff(), 1),
            )
            _pools[url, decode_responses] = pool
    return redis.Redis(connection_pool=pool)


def redis_time(client: redis.Redis) -> float:
    """Return the time by Redis's clock, in seconds since the epoch, with `redis_errors`.

    All times that are compared come from this clock.
    """
    with redis_errors():
        return seconds_of(client.time())


def seconds_of(time: tuple[int, int]) -> float:
    """Return a reply to `TIME`, seconds and microseconds, in seconds."""
    seconds, microseconds = time
    return seconds + microseconds / 1e6


def read_lua(package: str, name: str) -> str:
    """Return the script `lua/<name>.lua` of a package; Redis runs it as one transaction."""
    return files(package).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


@contextmanager
def redis_errors() -> Iterator[None]:
    """Translate redis-py's exceptions: see `translate_redis_error`."""
    try:
        yield
    except (*_AWAY, *_FAULTS) as error:
        raise translate_redis_error(error) from error


def translate_redis_error(error: Exception) -> ServiceError:
    """Return `StoreFullError`, `StoreUnavailableError` for an outage, or `StoreFaultError`."""
    if isinstance(error, OutOfMemoryError):
        return StoreFullError("The job store has no memory left; try again later.")
    refused_for_now = isinstance(error, ResponseError) and str(error).startswith(_AWAY_PREFIXES)
    if isinstance(error, _AWAY) or refused_for_now:
        return StoreUnavailableError("The job store does not answer; try again shortly.")
    return StoreFaultError("The job store rejected a command.")
