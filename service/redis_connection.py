"""The Redis client and the translation of its errors, for all stores.

With Sentinel, each new connection goes to the primary that the sentinels name at that time. A
connection whose server died or became a replica is closed and replaced: clients need no restart
after a failover.
"""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from typing import Any
from weakref import WeakValueDictionary

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
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
from service.settings.redis_address import SentinelAddress

_CONNECT_SECONDS = 1.0
_REPLY_SECONDS = 3.0
_MAX_CONNECTIONS = 128
"""More than the number of threads in a process."""

_lock = threading.Lock()
_pools: WeakValueDictionary[tuple[str, bool], redis.ConnectionPool] = WeakValueDictionary()
"""Pools by URL and by whether replies are decoded; a pool lives as long as its clients."""

# Temporary errors: they end when Redis is back, has loaded its file, or has a primary again.
_AWAY = (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    ReadOnlyError,
    TryAgainError,
    redis.ConnectionError,
    redis.TimeoutError,
)
# Errors that have no class in redis-py: the disk is full, or a script runs too long.
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

    All clients of a process for one database share a bounded pool; a caller that waits too long for
    a connection gets a `ConnectionError`. One immediate retry replaces a pooled connection that
    died with the server. Longer retries are up to the caller: the API answers 503, and a worker
    keeps trying.
    """
    with _lock:
        pool = _pools.get((url, decode_responses))
        if pool is None:
            pool = _open_pool(
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


@asynccontextmanager
async def connect_async(
    url: str, *, reply_seconds: float | None = None
) -> AsyncIterator[redis.asyncio.Redis]:
    """Yield a client for one event loop; `reply_seconds` limits the wait for each reply."""
    limits: dict[str, Any] = {
        "socket_connect_timeout": _CONNECT_SECONDS,
        "socket_timeout": reply_seconds,
    }
    if not SentinelAddress.matches(url):
        async with redis.asyncio.Redis.from_url(url, **limits) as client:
            yield client
        return
    address = SentinelAddress.parse(url)
    async with (
        redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]
            address.sentinels, sentinel_kwargs=sentinel_options(address)
        ) as sentinel,
        sentinel.master_for(address.service, **server_options(address), **limits) as client,
    ):
        yield client


def server_options(address: SentinelAddress) -> dict[str, Any]:
    """Return redis-py's options for the connections to the primary that the sentinels name."""
    return {
        "db": address.database or 0,
        "username": address.username,
        "password": address.password,
        "ssl": address.tls,
    }


def sentinel_options(address: SentinelAddress) -> dict[str, Any]:
    """Return redis-py's options for the connections to the sentinels themselves.

    A sentinel that does not answer is not retried, because there are others.
    """
    return {
        "username": address.sentinel_username,
        "password": address.sentinel_password,
        "ssl": address.tls,
        "socket_connect_timeout": _CONNECT_SECONDS,
        "socket_timeout": _CONNECT_SECONDS,
        "retry": None,
    }


class _SentinelPool(redis.sentinel.SentinelConnectionPool, redis.BlockingConnectionPool):
    """A bounded pool of connections to the primary."""


def _open_pool(url: str, **options: Any) -> redis.ConnectionPool:
    if not SentinelAddress.matches(url):
        return redis.BlockingConnectionPool.from_url(url, **options)
    address = SentinelAddress.parse(url)
    sentinel: Any = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]
        address.sentinels, sentinel_kwargs=sentinel_options(address)
    )
    pool: redis.ConnectionPool = _SentinelPool(  # type: ignore[no-untyped-call]
        address.service, sentinel, **server_options(address), **options
    )
    return pool


def refuse_cluster(url: str) -> None:
    """Check that the server does not run in cluster mode; a server that is down passes.

    `url` is that of database 0, because such a server has no other one.

    Raises:
        StoreFaultError: if it runs in cluster mode.
    """
    client = connect(url, decode_responses=True)
    try:
        enabled = client.info("cluster").get("cluster_enabled")
    except redis.RedisError:
        return
    finally:
        client.close()
    if not enabled:
        return
    raise StoreFaultError(
        "The Redis server runs in cluster mode, which the service cannot use: it needs three "
        "databases, and scripts whose keys lie in different slots. Use a single server, "
        "Sentinel, or the endpoint of a managed primary without cluster mode."
    )


def redis_time(client: redis.Redis) -> float:
    """Return the time of Redis's clock, in seconds since the epoch; errors are translated.

    All times that are compared come from this clock.
    """
    with redis_errors():
        return seconds_of(client.time())


def seconds_of(time: tuple[int, int]) -> float:
    """Convert a reply to `TIME`, seconds and microseconds, to seconds."""
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
