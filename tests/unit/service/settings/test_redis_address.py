import pytest

from service.settings.redis_address import SentinelAddress


def test_all_parts_are_read():
    address = SentinelAddress.parse(
        "rediss+sentinel://hiir:a%2Fb@one:26379,[::1]:26380,three/primary/2"
        "?sentinel_username=watch&sentinel_password=c%26d"
    )
    assert address == SentinelAddress(
        sentinels=(("one", 26379), ("::1", 26380), ("three", 26379)),
        service="primary",
        tls=True,
        database=2,
        username="hiir",
        password="a/b",
        sentinel_username="watch",
        sentinel_password="c&d",
    )


def test_credentials_and_database_may_be_left_out():
    address = SentinelAddress.parse("redis+sentinel://one:1/primary")
    assert address == SentinelAddress(sentinels=(("one", 1),), service="primary")


@pytest.mark.parametrize(
    ("url", "matches"),
    [
        ("redis+sentinel://one/primary", True),
        ("rediss+sentinel://one/primary", True),
        ("redis://one", False),
        ("redis+cluster://one", False),
    ],
)
def test_the_scheme_decides(url, matches):
    assert SentinelAddress.matches(url) is matches


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis+sentinel://:S3cretPw@one:1", "must name the service"),
        ("redis+sentinel://:S3cretPw@/primary", "must list the sentinels"),
        ("redis+sentinel://:S3cretPw@one:1,,two:2/primary", "must list the sentinels"),
        ("redis+sentinel://:S3cretPw@one:port/primary", "must list the sentinels"),
        ("redis+sentinel://:S3cretPw@one:1/primary/x", "must have one part"),
        ("redis+sentinel://one:1/primary?password=S3cretPw", "may have only"),
    ],
)
def test_a_malformed_url_is_refused_without_its_password(url, problem):
    with pytest.raises(ValueError, match=problem) as refused:
        SentinelAddress.parse(url)
    assert "S3cretPw" not in str(refused.value)
