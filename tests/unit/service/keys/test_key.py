import pytest

from service.keys import ALL_SCOPES, ApiKey, Scope
from service.keys.key import key_id_of


def make(**changes):
    values = {
        "tenant": "museum",
        "scopes": frozenset({Scope.READ}),
        "name": "",
        "created_at": 5.0,
        "expires_at": None,
    }
    return ApiKey.make(**{**values, **changes})


def test_what_is_kept_of_a_key_does_not_hold_its_secret():
    key, token = make()
    assert token.startswith(f"hiir_{key.id}_")
    secret = token.removeprefix(f"hiir_{key.id}_")
    assert len(secret) == 43
    assert not any(secret in value for value in key.to_fields().values())


def test_no_two_keys_are_alike():
    (first, token), (second, other) = make(), make()
    assert first.id != second.id
    assert token != other


def test_a_key_opens_with_its_own_token_alone():
    key, token = make()
    last = "A" if token[-1] != "A" else "B"
    assert key.matches(token)
    assert not key.matches(token[:-1] + last)
    assert not key.matches(make()[1])
    assert not key.matches("")


@pytest.mark.parametrize("expires_at", [None, 7.25])
def test_a_record_is_read_as_it_was_written(expires_at):
    key, _ = make(scopes=ALL_SCOPES, name="the scanner, é", expires_at=expires_at)
    assert ApiKey.from_fields(key.to_fields()) == key


@pytest.mark.parametrize("tenant", ["", "Museum", "-a", "a b", "a\0b", "a" * 64])
def test_a_tenant_has_a_plain_name(tenant):
    with pytest.raises(ValueError, match="lowercase letters"):
        make(tenant=tenant)


def test_a_key_that_allows_nothing_is_not_made():
    with pytest.raises(ValueError, match="requires at least one scope"):
        make(scopes=frozenset())


def test_admin_allows_everything_and_the_others_only_what_they_say():
    admin, _ = make(scopes=frozenset({Scope.ADMIN}))
    assert all(admin.allows(scope) for scope in Scope)
    reader, _ = make(scopes=frozenset({Scope.READ}))
    assert [scope for scope in Scope if reader.allows(scope)] == [Scope.READ]


@pytest.mark.parametrize(
    "token", ["", "hiir", "hiir_0123456789ab_", "hiir_x_" + "a" * 43, "é" * 60]
)
def test_what_cannot_be_a_token_has_no_id(token):
    assert key_id_of(token) is None


def test_a_token_tells_its_id():
    key, token = make()
    assert key_id_of(token) == key.id
    assert key_id_of(f"{token}x") is None
