from pathlib import Path

import pytest
from pydantic import ValidationError

from service.limits import Limits, TenantLimits
from service.settings import AuthMode, LogFormat, RedisDatabase, Settings, is_loopback


def test_the_defaults_stand_without_an_environment():
    settings = Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.jobs.soft_time_limit < settings.jobs.hard_time_limit
    assert settings.jobs.result_seconds <= settings.jobs.record_seconds


def test_the_environment_sets_fields_by_their_prefixed_names(monkeypatch):
    monkeypatch.setenv("HIIR_PORT", "9000")
    monkeypatch.setenv("HIIR_MODEL_REPOSITORY", "/srv/models")
    monkeypatch.setenv("HIIR_LOG_FORMAT", "json")
    settings = Settings()
    assert settings.port == 9000
    assert settings.model_repository == Path("/srv/models")
    assert settings.log_format is LogFormat.JSON


def test_a_name_without_the_prefix_sets_nothing(monkeypatch):
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:1")
    assert Settings() == Settings(port=8000, redis_url="redis://127.0.0.1:6379")


def test_the_environment_sets_nested_fields_one_by_one(monkeypatch):
    monkeypatch.setenv("HIIR_JOBS__LEASE_SECONDS", "2.5")
    monkeypatch.setenv("HIIR_LIMITS__BODY_BYTES", "1000")
    monkeypatch.setenv("HIIR_INFERENCE__TILES_IN_FLIGHT", "2")
    settings = Settings()
    assert settings.jobs.lease_seconds == 2.5
    assert settings.limits.body_bytes == 1000
    assert settings.inference.tiles_in_flight == 2
    assert settings.jobs.max_attempts == Settings().jobs.max_attempts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIIR_JOBS__LEASE_SECONDZ", "1"),
        ("HIIR_LIMITS__PIXEL", "1"),
        ("HIIR_INFERENCE__TILES", "1"),
    ],
)
def test_a_misspelt_nested_field_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Settings()


def test_a_misspelt_field_in_code_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Settings(redis="redis://127.0.0.1:6379")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIIR_PORT", "0"),
        ("HIIR_PORT", "http"),
        ("HIIR_REDIS_URL", "127.0.0.1:6379"),
        ("HIIR_REDIS_URL", "http://127.0.0.1:6379"),
        ("HIIR_REDIS_URL", "redis://"),
        ("HIIR_REDIS_URL", "redis://127.0.0.1:6379/3"),
        ("HIIR_REDIS_URL", "redis://127.0.0.1:6379?db=3"),
        ("HIIR_REDIS_URL", "redis+sentinel://127.0.0.1:26379"),
        ("HIIR_REDIS_URL", "redis+sentinel://127.0.0.1:26379/primary/3"),
        ("HIIR_TRITON_URL", "http://127.0.0.1:8001"),
        ("HIIR_TRITON_URL", "127.0.0.1"),
        ("HIIR_TRITON_URL", ":8001"),
        ("HIIR_TRITON_URL", "gpu:grpc"),
        ("HIIR_LOG_LEVEL", "LOUD"),
        ("HIIR_LOG_FORMAT", "xml"),
        ("HIIR_LIMITS__PIXELS", "0"),
        ("HIIR_LIMITS__PIXELS", "12.5"),
        ("HIIR_JOBS__LEASE_SECONDS", "0"),
        ("HIIR_JOBS__MAX_ATTEMPTS", "-1"),
        ("HIIR_JOBS__HARD_TIME_LIMIT", "1"),
        ("HIIR_JOBS__RECORD_SECONDS", "1"),
        ("HIIR_INFERENCE__TILE_SECONDS", "soon"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_at_the_start(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_settings_cannot_be_changed():
    settings = Settings()
    for part, name in (
        (settings, "port"),
        (settings.jobs, "max_attempts"),
        (settings.limits, "pixels"),
        (settings.inference, "tile_seconds"),
    ):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, 1)


@pytest.mark.parametrize(
    "url", ["redis://cache:6379", "redis://cache:6379/", "rediss://u:p@cache:1"]
)
def test_each_database_has_its_own_address_on_the_one_server(url):
    addresses = [Settings(redis_url=url).database_url(database) for database in RedisDatabase]
    assert addresses == [f"{url.rstrip('/')}/{number}" for number in (0, 1, 2)]


def test_each_database_has_its_own_address_behind_sentinels():
    url = "redis+sentinel://:pw@one:1,two:2/primary"
    settings = Settings(redis_url=f"{url}?sentinel_password=x")
    assert [settings.database_url(database) for database in RedisDatabase] == [
        f"{url}/{number}?sentinel_password=x" for number in (0, 1, 2)
    ]


def test_replicas_are_not_required_by_default():
    assert Settings().replicas.required == 0
    with pytest.raises(ValidationError, match="less than or equal to 2"):
        Settings(replicas={"timeout_seconds": 3})  # the reply to WAIT would come too late


def test_a_log_level_may_be_written_small():
    assert Settings(log_level="debug").log_level == "DEBUG"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_open_mode_is_for_this_machine(host):
    assert Settings(auth="open", host=host).auth is AuthMode.OPEN


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "example.org"])
def test_open_mode_is_refused_on_any_other_address(monkeypatch, host):
    monkeypatch.setenv("HIIR_HOST", host)
    assert Settings().auth is AuthMode.KEYS
    monkeypatch.setenv("HIIR_AUTH", "open")
    with pytest.raises(ValidationError, match="other hosts require API keys"):
        Settings()


@pytest.mark.parametrize(
    ("host", "local"),
    [("::ffff:127.0.0.1", True), ("::ffff:10.0.0.1", False), ("127.0.0.2", True), ("", False)],
)
def test_an_address_of_this_machine_is_known(host, local):
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    "url",
    [
        "redis://:S3cretPw@redis:6379/0",
        "redis://:S3cretPw@redis:6379?db=1",
        "redis+sentinel://:S3cretPw@one:26379",
        "http://:S3cretPw@redis",
        ":S3cretPw@redis",
    ],
)
def test_a_refused_redis_url_is_not_repeated_in_the_error(monkeypatch, url):
    monkeypatch.setenv("HIIR_REDIS_URL", url)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "redis_url" in str(refused.value)
    assert "S3cretPw" not in str(refused.value)
    assert "S3cretPw" not in repr(refused.value)


def test_settings_do_not_show_the_password():
    settings = Settings(redis_url="redis://:S3cretPw@redis:6379")
    assert "S3cretPw" in settings.database_url(RedisDatabase.STATE)
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "S3cretPw" not in shown


def test_open_mode_does_not_divide_the_machine_among_tenants(monkeypatch):
    monkeypatch.setenv("HIIR_AUTH", "open")
    settings = Settings()
    queue = settings.limits.queue_depth
    assert settings.tenants.open_jobs >= queue
    assert settings.tenants.burst >= queue
    assert settings.tenants.megapixels_per_day >= 200 * 12
    assert settings.limits.predicted_wait_seconds == settings.jobs.input_seconds
    assert settings.tenants.held_batch_jobs == Settings(auth="keys").tenants.held_batch_jobs


def test_open_mode_keeps_what_is_set(monkeypatch):
    monkeypatch.setenv("HIIR_AUTH", "open")
    monkeypatch.setenv("HIIR_TENANTS__OPEN_JOBS", "3")
    monkeypatch.setenv("HIIR_LIMITS", '{"predicted_wait_seconds": 7}')
    settings = Settings()
    assert settings.tenants.open_jobs == 3
    assert settings.tenants.burst == 1000
    assert settings.limits.predicted_wait_seconds == 7
    assert Settings(tenants=TenantLimits(burst=2)).tenants.open_jobs == TenantLimits().open_jobs


def test_keys_mode_has_the_limits_of_tenants(monkeypatch):
    monkeypatch.setenv("HIIR_AUTH", "keys")
    assert Settings().tenants == TenantLimits()
    assert Settings().limits == Limits()


@pytest.mark.parametrize("scheme", ["redis+cluster", "rediss+cluster"])
def test_a_redis_cluster_is_refused_with_the_reason(scheme):
    with pytest.raises(ValidationError, match="cannot be a Redis Cluster"):
        Settings(redis_url=f"{scheme}://:S3cretPw@redis:6379")


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://photos", ("photos", "")),
        ("s3://photos/", ("photos", "")),
        ("s3://photos/a/b/", ("photos", "a/b")),
    ],
)
def test_a_bucket_has_a_name_and_a_prefix(url, location):
    assert Settings(bucket={"url": url}).bucket.location == location


@pytest.mark.parametrize(
    "bucket",
    [
        {"url": "https://photos"},
        {"url": "s3://"},
        {"url": "s3://Photos"},
        {"endpoint": "store:9000"},
        {"endpoint": "https://key:S3cretPw@store"},
        {"endpoint": "https://store/path"},
        {"access_key_id": "key"},
        {"secret_access_key": "S3cretPw"},
        {"upload_seconds": 604_801},
    ],
)
def test_a_bucket_that_makes_no_sense_is_refused(bucket):
    with pytest.raises(ValidationError) as refused:
        Settings(bucket=bucket)
    assert "S3cretPw" not in str(refused.value)


def test_settings_do_not_show_the_key_of_the_bucket():
    bucket = {"url": "s3://photos", "access_key_id": "key", "secret_access_key": "S3cretPw"}
    assert "S3cretPw" not in repr(Settings(bucket=bucket))
