import ssl

from service.jobs.queue import Broker, build_celery
from service.settings import Settings


def test_the_broker_follows_the_sentinels():
    broker = Broker.of("redis+sentinel://u:a%2Fb@one:1,[::1]:2/primary/0?sentinel_password=x")
    assert broker.url == "sentinel://u:a%2Fb@one:1/0;sentinel://u:a%2Fb@[::1]:2/0"
    assert broker.options["master_name"] == "primary"
    assert broker.options["sentinel_kwargs"]["password"] == "x"
    assert broker.tls is None


def test_a_single_server_keeps_its_url():
    assert Broker.of("redis://:pw@one:1/0") == Broker(
        url="redis://:pw@one:1/0", tls=None, options={}
    )


def test_certificates_are_verified():
    for url in ("rediss://one:1", "rediss+sentinel://one:1/primary"):
        app = build_celery(Settings(redis_url=url), consumes=False)
        with app.connection_for_write() as connection:
            assert connection.ssl["ssl_cert_reqs"] is ssl.CERT_REQUIRED
            assert connection.ssl["ssl_check_hostname"] is True
