import pytest

from service.api.access import Access
from service.errors import ForeignRequestError, KeyInvalidError, KeyMissingError, ScopeMissingError
from service.jobs.job import OPEN_TENANT
from service.keys import ApiKey, Scope
from service.settings import AuthMode


class Keys:
    """A store with one key."""

    def __init__(self, *scopes):
        self.key, self.token = ApiKey.make(
            tenant="museum", scopes=frozenset(scopes), name="", created_at=0.0, expires_at=None
        )

    def find(self, token):
        return self.key if self.key.matches(token) else None


def request(method="GET", path="/v1/jobs", client="127.0.0.1", **headers):
    given = {"host": "localhost:8000", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "client": (client, 5000),
        "headers": [(key.encode(), value.encode()) for key, value in given.items()],
    }


@pytest.mark.parametrize("how", ["authorization", "x_api_key"])
def test_a_key_makes_its_tenant_the_caller(how):
    keys = Keys(Scope.READ)
    value = f"bearer  {keys.token}" if how == "authorization" else keys.token
    caller = Access(keys=keys, mode=AuthMode.KEYS).admit(request(**{how: value}), wanted=Scope.READ)
    assert (caller.tenant, caller.key_id) == ("museum", keys.key.id)


def test_without_a_key_nobody_is_let_in_from_this_machine_either():
    with pytest.raises(KeyMissingError) as refused:
        Access(keys=Keys(Scope.READ), mode=AuthMode.KEYS).admit(request(), wanted=None)
    assert refused.value.challenge == 'Bearer realm="hiir"'


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": "hiir_0123456789ab_" + "a" * 43},
        {"x_api_key": ""},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer a b"},
    ],
)
def test_what_is_not_a_good_key_is_told_from_none(headers):
    with pytest.raises(KeyInvalidError) as refused:
        Access(keys=Keys(Scope.READ), mode=AuthMode.KEYS).admit(
            request(**headers), wanted=Scope.READ
        )
    assert 'error="invalid_token"' in refused.value.challenge


def test_a_key_without_the_scope_is_told_which_one_it_takes():
    keys = Keys(Scope.READ)
    with pytest.raises(ScopeMissingError) as refused:
        Access(keys=keys, mode=AuthMode.KEYS).admit(
            request("POST", x_api_key=keys.token), wanted=Scope.WRITE
        )
    assert (refused.value.limit, refused.value.actual) == ("jobs:write", "jobs:read")
    assert 'error="insufficient_scope", scope="jobs:write"' in refused.value.challenge


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "localhost", "127.8.9.1"])
def test_open_mode_lets_in_everybody_on_this_machine(host):
    access = Access(keys=Keys(Scope.READ), mode=AuthMode.OPEN)
    assert access.admit(request("POST", host=host), wanted=Scope.WRITE).tenant == OPEN_TENANT
    assert access.admit(request(client="::1", host=host), wanted=None).tenant == OPEN_TENANT
    own_page = {"sec_fetch_site": "same-origin", "origin": f"http://{host}"}
    assert access.admit(request(host=host, **own_page), wanted=None).tenant == OPEN_TENANT


@pytest.mark.parametrize(
    "foreign",
    [
        {"client": "192.168.1.7"},
        {"client": "::ffff:192.168.1.7"},
        {"host": "evil.example:8000"},
        {"host": ""},
        {"sec_fetch_site": "cross-site"},
        {"origin": "http://evil.example"},
        {"origin": "http://evil.example:8000"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://localhost:8000.evil.example"},
        {"origin": "file://localhost:8000"},
    ],
)
def test_open_mode_is_for_nobody_from_elsewhere(foreign):
    with pytest.raises(ForeignRequestError) as refused:
        Access(keys=Keys(Scope.READ), mode=AuthMode.OPEN).admit(
            request("POST", **foreign), wanted=Scope.WRITE
        )
    assert refused.value.status == 403
    assert refused.value.challenge is None  # no key would help
