import asyncio
import contextlib
import inspect
import ssl
import subprocess
import time

import pytest
import redis
from pydantic import SecretStr
from redis import exceptions

from service.embedded.ports import choose_port
from service.embedded.redis import RedisServer
from service.errors import (
    ServiceError,
    StoreFaultError,
    StoreFullError,
    StoreUnavailableError,
)
from service.redis_connection import (
    connect,
    connect_async,
    redis_errors,
    refuse_cluster,
    translate_redis_error,
)

# What an operator or time repairs: the client is told to come back.
PASSES = {
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.BusyLoadingError,
    exceptions.ClusterDownError,
    exceptions.ConnectionError,
    exceptions.ExternalAuthProviderError,
    exceptions.MasterDownError,
    exceptions.MaxConnectionsError,
    exceptions.ReadOnlyError,
    exceptions.TimeoutError,
    exceptions.TryAgainError,
}
# Their messages are parsed by their constructors.
MESSAGES = {
    exceptions.AskError: "1 127.0.0.1:6379",
    exceptions.MovedError: "1 127.0.0.1:6379",
}


def exceptions_of_redis():
    """Every exception class in the namespace of redis-py's exceptions, and in redis itself."""
    found = {
        value
        for module in (exceptions, redis)
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Exception)
        and value.__module__.startswith("redis")
    }
    return sorted(found, key=lambda kind: kind.__name__)


def raise_inside(error):
    with redis_errors():
        raise error


def test_the_walk_finds_more_than_a_few():
    assert len(exceptions_of_redis()) > 30
    assert set(exceptions_of_redis()) >= PASSES


@pytest.mark.parametrize("kind", exceptions_of_redis(), ids=lambda kind: kind.__name__)
def test_every_exception_of_redis_is_translated(kind):
    error = kind(MESSAGES.get(kind, "redis://secret:6379 went away"))
    with pytest.raises(ServiceError) as caught:
        raise_inside(error)
    expected = StoreUnavailableError if kind in PASSES else StoreFaultError
    if kind is exceptions.OutOfMemoryError:
        expected = StoreFullError
    assert type(caught.value) is expected
    assert caught.value.__cause__ is error
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("MISCONF Redis is configured to save RDB snapshots", StoreUnavailableError),
        ("BUSY Redis is busy running a script", StoreUnavailableError),
        ("NOREPLICAS Not enough good replicas to write.", StoreUnavailableError),
        ("WRONGTYPE Operation against a key", StoreFaultError),
        ("ERR unknown command", StoreFaultError),
        ("user_script: MISCONF is only mentioned", StoreFaultError),
    ],
)
def test_a_refusal_without_a_class_of_its_own_is_told_by_its_first_word(message, expected):
    assert type(translate_redis_error(exceptions.ResponseError(message))) is expected


@pytest.mark.parametrize("error", [KeyError("field"), ValueError("ours"), KeyboardInterrupt()])
def test_what_is_not_redis_passes_as_it_is(error):
    with pytest.raises(type(error)) as caught:
        raise_inside(error)
    assert caught.value is error


def test_an_absent_server_is_unavailable_within_seconds(unused_port):
    client = connect(f"redis://127.0.0.1:{unused_port}/1", decode_responses=True)
    with pytest.raises(StoreUnavailableError), redis_errors():
        client.ping()
    client.close()


def test_a_client_has_deadlines_and_its_own_database():
    client = connect("redis://127.0.0.1:6379/2", decode_responses=False)
    settings = client.connection_pool.connection_kwargs
    assert settings["db"] == 2
    assert settings["decode_responses"] is False
    assert 0 < settings["socket_connect_timeout"] <= 2
    assert 0 < settings["socket_timeout"] <= 5
    client.close()


def test_clients_of_one_database_share_a_bounded_pool():
    urls = ("redis://127.0.0.1:1/1", "redis://127.0.0.1:1/1", "redis://127.0.0.1:1/2")
    first, second, other = (connect(url, decode_responses=True) for url in urls)
    assert first.connection_pool is second.connection_pool
    assert first.connection_pool is not other.connection_pool
    taken = [first.connection_pool.make_connection() for _ in range(3)]
    assert len(taken) == 3
    assert first.connection_pool.max_connections == 128
    first.close()
    with pytest.raises(redis.ConnectionError):
        second.ping()


def test_clients_behind_sentinels_share_a_bounded_pool(unused_port):
    url = f"redis+sentinel://:pw@127.0.0.1:{unused_port},127.0.0.1:1/primary/2?sentinel_password=x"
    first, second = (connect(url, decode_responses=True) for _ in range(2))
    pool = first.connection_pool
    assert pool is second.connection_pool
    assert isinstance(pool, redis.BlockingConnectionPool)
    assert (pool.service_name, pool.max_connections) == ("primary", 128)
    options = pool.connection_kwargs
    assert (options["db"], options["password"], options["decode_responses"]) == (2, "pw", True)
    assert 0 < options["socket_timeout"] <= 5
    watchers = [one.connection_pool.connection_kwargs for one in pool.sentinel_manager.sentinels]
    assert [(one["port"], one["password"]) for one in watchers] == [(unused_port, "x"), (1, "x")]


def test_absent_sentinels_are_an_outage(unused_port):
    url = f"redis+sentinel://127.0.0.1:{unused_port}/primary/1"
    client = connect(url, decode_responses=True)
    with pytest.raises(StoreUnavailableError), redis_errors():
        client.ping()
    client.close()

    async def ping():
        async with connect_async(url) as other:
            await other.ping()

    with pytest.raises(StoreUnavailableError), redis_errors():
        asyncio.run(ping())


def test_connections_through_sentinels_are_encrypted_if_asked():
    client = connect("rediss+sentinel://one:1/primary/1", decode_responses=True)
    pool = client.connection_pool
    assert issubclass(pool.connection_class, redis.SSLConnection)
    watcher = pool.sentinel_manager.sentinels[0].connection_pool
    assert issubclass(watcher.connection_class, redis.SSLConnection)
    connection = pool.make_connection()
    assert (connection.cert_reqs, connection.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_server_that_is_down_passes_the_check_for_cluster_mode(unused_port):
    refuse_cluster(f"redis://127.0.0.1:{unused_port}/1")


def test_a_server_in_cluster_mode_is_refused(tmp_path):
    port = choose_port(16_579, taken=set())  # its cluster bus listens 10,000 above
    server = RedisServer(data_dir=tmp_path, port=port, max_memory="64mb", password=SecretStr("pw"))
    server.prepare()
    with subprocess.Popen((*server.command(), "--cluster-enabled", "yes")) as process:
        try:
            client = redis.Redis(port=port, password="pw", retry=None)
            for _ in range(100):
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    break
                time.sleep(0.05)
            with pytest.raises(StoreFaultError, match="cluster mode"):
                refuse_cluster(f"redis://:pw@127.0.0.1:{port}/0")
        finally:
            process.kill()
