"""The components of one machine's stack, before any of them runs."""

import io
import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from service.embedded import stack as module
from service.embedded.addresses import Addresses
from service.embedded.console import Console
from service.embedded.settings import StackSettings
from service.embedded.stack import run_stack
from service.embedded.supervisor import StackError
from service.settings import AuthMode


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StackSettings:
    """Settings by which Redis and Triton run elsewhere."""
    for field in StackSettings.model_fields:
        monkeypatch.delenv(f"HIIR_{field.upper()}", raising=False)
    return StackSettings(
        redis_url="redis://user:secret@cache:6379",
        triton_url="gpu:8001",
        data_dir=tmp_path / "data",
        model_repository=tmp_path / "models",
        port=None,
    )


@pytest.fixture
def addresses(given: StackSettings) -> Addresses:
    return Addresses(
        host="127.0.0.1",
        port=8000,
        redis_url=given.redis_url,
        redis_port=None,
        redis_password=SecretStr(""),
        triton_url=str(given.triton_url),
        triton_port=None,
        metrics_ports=(9464, 9465),
    )


def run(settings: StackSettings) -> int | None:
    async def nothing(addresses: Addresses) -> int:
        return 0

    return run_stack(settings, console=Console(stream=io.StringIO()), work=nothing)


def test_every_child_of_ours_is_told_where_the_others_are(
    given: StackSettings, addresses: Addresses
) -> None:
    components = module._components(given, addresses, Console(stream=io.StringIO()))
    names = [component.name for component in components]
    assert names == ["redis", "triton", "worker", "webhooks", "api"]
    for component in components[2:]:
        assert component.environment["HIIR_REDIS_URL"] == "redis://user:secret@cache:6379"
        assert component.environment["HIIR_TRITON_URL"] == "gpu:8001"
        assert component.environment["HIIR_MODEL_REPOSITORY"] == str(given.model_repository)


@pytest.mark.parametrize(("verbose", "level"), [(False, "WARNING"), (True, "INFO")])
def test_only_verbose_shows_every_log(
    given: StackSettings,
    addresses: Addresses,
    monkeypatch: pytest.MonkeyPatch,
    verbose: bool,
    level: str,
) -> None:
    monkeypatch.delenv("HIIR_LOG_LEVEL", raising=False)
    console = Console(stream=io.StringIO())
    redis, triton, *ours = module._components(given, addresses, console, verbose=verbose)
    assert (redis.quiet, triton.quiet) == (not verbose, not verbose)
    assert [part.quiet for part in ours] == [False] * 3
    assert {part.environment["HIIR_LOG_LEVEL"] for part in ours} == {level}


def test_a_log_level_of_the_environment_is_kept(
    given: StackSettings, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIIR_LOG_LEVEL", "DEBUG")
    *_, api = module._components(given, addresses, Console(stream=io.StringIO()))
    assert api.environment["HIIR_LOG_LEVEL"] == "DEBUG"


def test_servers_of_somebody_else_are_not_started(
    given: StackSettings, addresses: Addresses
) -> None:
    redis, triton, *_ = module._components(given, addresses, Console(stream=io.StringIO()))
    assert redis.command == triton.command == ()


def test_a_password_is_not_shown(given: StackSettings, addresses: Addresses) -> None:
    components = module._components(given, addresses, Console(stream=io.StringIO()))
    assert not any("secret" in component.address for component in components)
    assert not any("secret" in part for component in components for part in component.command)


def test_a_repository_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="contains no model"):
        module._require_models(tmp_path)


def test_a_model_that_was_not_exported_is_named(tmp_path: Path) -> None:
    model = tmp_path / "denoise-color"
    model.mkdir()
    (model / "config.pbtxt").touch()
    with pytest.raises(StackError, match=r"denoise-color has no .*make export"):
        module._require_models(tmp_path)
    (model / "1").mkdir()
    (model / "1/model.onnx").touch()
    module._require_models(tmp_path)


def test_settings_that_the_children_refuse_are_refused_before_they_start(
    given: StackSettings,
) -> None:
    with pytest.raises(ValidationError, match="databases 0 to 2"):
        run(given.model_copy(update={"redis_url": SecretStr("redis://cache:6379/3")}))


def test_open_mode_is_refused_where_others_could_reach_it(given: StackSettings) -> None:
    with pytest.raises(ValidationError, match="other hosts require API keys"):
        run(given.model_copy(update={"host": "0.0.0.0", "auth": AuthMode.OPEN}))


@pytest.mark.parametrize(("host", "mode"), [("127.0.0.1", "open"), ("0.0.0.0", "keys")])
def test_the_api_is_told_who_may_use_it(
    given: StackSettings, addresses: Addresses, host: str, mode: str
) -> None:
    settings = given.model_copy(update={"host": host})
    *_, api = module._components(settings, addresses, Console(stream=io.StringIO()))
    assert api.environment["HIIR_AUTH"] == mode


def test_two_stacks_never_share_a_folder(given: StackSettings) -> None:
    with module._sole_owner(given.data_dir), pytest.raises(StackError, match="another stack"):
        run(given)


def test_the_state_file_is_for_its_owner_alone(addresses: Addresses, tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    module._write_state(path, addresses, {"api": 7})
    module._write_state(path, addresses, {"api": 8})
    assert json.loads(path.read_text())["pids"] == {"api": 8}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
