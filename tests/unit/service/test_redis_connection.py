import inspect

import pytest
import redis
from redis import exceptions

from service.errors import (
    ServiceError,
    StoreFaultError,
    StoreFullError,
    StoreUnavailableError,
)
from service.redis_connection import connect, redis_errors, translate_redis_error

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
