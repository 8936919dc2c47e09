"""What the stack can be told by the environment."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from service.embedded.settings import StackSettings
from service.settings import AuthMode


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in StackSettings.model_fields:
        monkeypatch.delenv(f"HIIR_{field.upper()}", raising=False)


def test_by_default_every_server_is_its_own() -> None:
    settings = StackSettings()
    assert (settings.host, settings.port) == ("127.0.0.1", None)
    assert settings.redis_url is settings.triton_url is None


def test_the_environment_sets_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIIR_PORT", "9000")
    monkeypatch.setenv("HIIR_REDIS_URL", "redis://elsewhere:6379")
    settings = StackSettings()
    assert settings.port == 9000
    assert settings.redis_url == SecretStr("redis://elsewhere:6379")


def test_an_option_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIIR_PORT", "9000")
    assert StackSettings(port=9001).port == 9001


@pytest.mark.parametrize("port", [0, 65_536])
def test_an_impossible_port_is_refused(port: int) -> None:
    with pytest.raises(ValidationError, match="port"):
        StackSettings(port=port)


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="prot"):
        StackSettings(prot=8000)


def test_the_cache_is_where_the_desktop_standard_puts_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert StackSettings().cache_dir == tmp_path / "hiir"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert StackSettings().cache_dir == tmp_path / ".cache/hiir"


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, AuthMode.OPEN),
        ({"host": "::1"}, AuthMode.OPEN),
        ({"host": "0.0.0.0"}, AuthMode.KEYS),
        ({"auth": "keys"}, AuthMode.KEYS),
    ],
)
def test_keys_are_asked_for_wherever_others_could_reach_it(
    given: dict[str, str], mode: AuthMode
) -> None:
    assert StackSettings(**given).auth_mode is mode
