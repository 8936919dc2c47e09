"""docker-compose.yml: valid, safe, and in agreement with the service's settings."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from redis import Redis

from service.embedded.ports import choose_port
from service.embedded.redis import RedisServer, is_redis_ready
from service.embedded.triton import RESTRICTED_PROTOCOLS, trace_options
from service.settings import AuthMode, Settings

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker-compose.yml"
ANSWERING = ("api", "worker", "webhooks", "redis", "triton-cpu", "triton-gpu")
Service = dict[str, Any]


@pytest.fixture
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())


@pytest.fixture
def services(compose: dict[str, Any]) -> dict[str, Service]:
    return compose["services"]


def check_schema(path: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("check-jsonschema")]
    command += ["--builtin-schema", "vendor.compose-spec", path]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def interpolate(text: str, **variables: str) -> str:
    """Compose's `${NAME}`, `${NAME:-default}` and `${NAME:?message}`."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match["name"], match["operator"], match["rest"]
        if name in variables:
            return variables[name]
        if operator == ":-":
            return rest
        raise KeyError(f"{name}: {rest or 'not set'}")

    pattern = r"\$\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<rest>[^}]*))?\}"
    return re.sub(pattern, value, text)


def test_it_follows_the_compose_specification() -> None:
    checked = check_schema(COMPOSE)
    assert checked.returncode == 0, checked.stdout


def test_the_schema_check_notices_a_misspelt_key(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text().replace("healthcheck:", "healthchek:", 1))
    assert check_schema(broken).returncode == 1


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_each_profile_is_a_whole_service(services: dict[str, Service], profile: str) -> None:
    started = {name for name, service in services.items() if profile in service["profiles"]}
    assert started == {"api", "worker", "webhooks", "redis", f"triton-{profile}"}


def test_the_gpu_server_differs_in_what_a_gpu_needs_alone(services: dict[str, Service]) -> None:
    cpu, gpu = dict(services["triton-cpu"]), dict(services["triton-gpu"])
    (device,) = gpu.pop("deploy")["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert (cpu.pop("profiles"), gpu.pop("profiles")) == (["cpu"], ["gpu"])
    # NVIDIA's image of the same release, with the check and a folder for the engines in it.
    assert gpu.pop("build")["args"]["TRITON_IMAGE"] == cpu.pop("image")
    started, command = gpu["command"][:3], gpu.pop("command")[3:]
    assert started == ["python3", "-m", "gpu_server"]
    assert [part.replace("=explicit", "=none") for part in command] == cpu.pop("command")
    assert gpu["environment"].pop("HIIR_MODELS") == "${HIIR_MODELS:-[]}"
    assert gpu["volumes"].pop() == "engines:/engines"
    # Building an engine takes minutes for each model, at the first start.
    assert gpu["healthcheck"].pop("start_period") == "3600s"
    assert cpu["healthcheck"].pop("start_period") == "120s"
    assert cpu.pop("volumes") == ["${HIIR_REPOSITORY:-./model_repository}:/models:ro"]
    assert gpu.pop("volumes") == ["${HIIR_REPOSITORY:-./model_repository_gpu}:/models:ro"]
    assert cpu == gpu


def test_engines_outlive_the_container(
    services: dict[str, Service], compose: dict[str, Any]
) -> None:
    assert "engines" in compose["volumes"]
    dockerfile = (ROOT / services["triton-gpu"]["build"]["dockerfile"]).read_text()
    # A new volume takes the owner of the folder in the image; otherwise it belongs to root.
    assert "chown 1000:1000 /engines" in dockerfile


@pytest.mark.parametrize("name", ANSWERING)
def test_each_server_has_a_health_check(services: dict[str, Service], name: str) -> None:
    check = services[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@pytest.mark.parametrize("name", ANSWERING)
def test_each_server_is_bounded(services: dict[str, Service], name: str) -> None:
    assert {"mem_limit", "cpus", "pids_limit"} <= services[name].keys()


def test_health_of_the_api_is_liveness_alone(services: dict[str, Service]) -> None:
    command = services["api"]["healthcheck"]["test"][-1]
    assert "/livez" in command
    assert "/readyz" not in command


def test_worker_has_half_a_minute_after_its_drain(services: dict[str, Service]) -> None:
    worker = services["worker"]
    drain = int(worker["environment"]["HIIR_JOBS__DRAIN_SECONDS"])
    assert int(worker["stop_grace_period"].removesuffix("s")) >= drain + 30
    assert worker["environment"].items() >= services["webhooks"]["environment"].items()


def test_nobody_starts_before_what_it_needs_is_healthy(services: dict[str, Service]) -> None:
    for name in ("api", "worker"):
        needed = services[name]["depends_on"]
        assert needed.keys() == {"redis", "triton-cpu", "triton-gpu"}
        assert all(need["condition"] == "service_healthy" for need in needed.values())
        # Only the one of the chosen profile exists.
        assert not needed["triton-cpu"]["required"]
        assert not needed["triton-gpu"]["required"]
    assert services["webhooks"]["depends_on"] == {"redis": {"condition": "service_healthy"}}


def test_only_the_api_is_reachable_and_by_default_from_this_machine_alone(
    services: dict[str, Service], compose: dict[str, Any]
) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["api"]
    (port,) = services["api"]["ports"]
    assert interpolate(port) == "127.0.0.1:8000:8000"
    assert compose["networks"]["backend"]["internal"] is True
    assert "edge" in services["api"]["networks"]
    for name in ("worker", "redis", "triton-cpu", "triton-gpu"):
        assert list(services[name]["networks"]) == ["backend"]
    assert services["webhooks"]["networks"] == ["backend", "edge"]  # out, but nobody comes in


def test_no_container_has_rights_that_it_does_not_need(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
    for name in ANSWERING:
        assert services[name]["read_only"] is True, name


def test_no_container_runs_as_root(services: dict[str, Service]) -> None:
    for name, service in services.items():
        if "build" in service:  # the Dockerfile's own tests hold its user
            assert "user" not in service or interpolate(service["user"]) not in {"0", "root"}
        else:
            assert service["user"].partition(":")[0] not in {"", "0", "root"}, name


def test_images_are_pinned(services: dict[str, Service]) -> None:
    for service in services.values():
        if "image" in service:
            _, _, tag = interpolate(service["image"]).rpartition(":")
            assert re.match(r"\d", tag), service["image"]


def test_triton_has_the_fixes_for_known_attacks(services: dict[str, Service]) -> None:
    # CVE-2025-23310, -23319, -23320 and -23334 are fixed in 25.07, CVE-2026-24206 in 26.05.
    image = interpolate(services["triton-cpu"]["image"])
    match = re.fullmatch(r"nvcr\.io/nvidia/tritonserver:(\d\d)\.(\d\d)-py3", image)
    assert match, image
    assert (int(match[1]), int(match[2])) >= (26, 5)


def test_triton_answers_no_http_of_others_and_closes_what_is_not_used(
    services: dict[str, Service],
) -> None:
    command = services["triton-cpu"]["command"]
    assert "--http-address=127.0.0.1" in command
    (restricted,) = (part for part in command if part.startswith("--grpc-restricted-protocol="))
    protocols, _, header = restricted.partition("=")[2].partition(":")
    assert protocols.split(",") == list(RESTRICTED_PROTOCOLS)
    name, _, value = header.partition("=")
    assert name != name.lower()  # HTTP/2 forbids it
    assert not value.isascii()  # gRPC forbids it


def test_triton_sends_spans_if_it_is_told_to(services: dict[str, Service]) -> None:
    options = [part for part in services["triton-cpu"]["command"] if "trace-config" in part]
    assert "--trace-config=level=OFF" in map(interpolate, options)
    chosen = {
        "HIIR_TRITON_TRACES": "TIMESTAMPS",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
    }
    expected = trace_options("http://collector:4318/v1/traces")
    assert tuple(interpolate(option, **chosen) for option in options) == expected


def test_a_password_is_required(services: dict[str, Service]) -> None:
    with pytest.raises(KeyError, match="HIIR_REDIS_PASSWORD"):
        interpolate(services["api"]["environment"]["HIIR_REDIS_URL"])
    with pytest.raises(KeyError, match="HIIR_REDIS_PASSWORD"):
        interpolate(services["redis"]["environment"]["REDISCLI_AUTH"])


def test_the_password_of_redis_is_on_no_command_line(
    services: dict[str, Service], tmp_path: Path
) -> None:
    for service in services.values():
        assert "PASSWORD" not in str(service.get("command", ""))
    shell, option, script = services["redis"]["command"]
    port = choose_port(16_579, taken=set())
    script = interpolate(script).replace("$$", "$").replace("<<EOF\n", f"<<EOF\nport {port}\n")
    server = RedisServer(data_dir=tmp_path, port=0, max_memory="", password=SecretStr(""))
    (tmp_path / "valkey-server").symlink_to(server.command()[0])
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDISCLI_AUTH": "s3cret-word"}
    with subprocess.Popen([shell, option, script], cwd=tmp_path, env=environment) as process:
        try:
            url = f"redis://:s3cret-word@127.0.0.1:{port}"
            deadline = time.monotonic() + 30
            while not asyncio.run(is_redis_ready(url)):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert not asyncio.run(is_redis_ready(f"redis://127.0.0.1:{port}"))
            assert "s3cret-word" not in Path(f"/proc/{process.pid}/cmdline").read_text()
            with Redis.from_url(url, decode_responses=True) as client:
                assert client.config_get("appendonly") == {"appendonly": "yes"}
                assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        finally:
            process.terminate()


@pytest.mark.parametrize("name", ["api", "worker", "webhooks"])
def test_what_the_containers_are_told_is_what_the_settings_read(
    services: dict[str, Service], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {f"HIIR_{field.upper()}" for field in Settings.model_fields}
    environment = services[name]["environment"]
    told = {name.partition("__")[0] for name in environment}
    told = {variable for variable in told if not variable.startswith("OTEL_")}  # OpenTelemetry's
    assert told <= fields | {"MALLOC_ARENA_MAX"}  # read by the C library
    assert fields >= {"HIIR_MODELS", "HIIR_MODEL_REPOSITORY"}
    for variable in fields:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        if value is not None:  # passed on, if it is set where compose runs
            monkeypatch.setenv(variable, interpolate(value, HIIR_REDIS_PASSWORD="s3cret"))
    settings = Settings()
    assert settings.redis_url.get_secret_value() == "redis://:s3cret@redis:6379"
    assert settings.auth is AuthMode.KEYS
    assert settings.metrics.host == "0.0.0.0"  # and its port is not published
    triton = services["triton-cpu"]
    assert "triton" in triton["networks"]["backend"]["aliases"]
    assert settings.triton_url == "triton:8001"


def test_every_container_that_runs_threads_of_ours_has_few_arenas_of_memory(
    services: dict[str, Service],
) -> None:
    for name in ("api", "worker", "webhooks", "triton-cpu", "triton-gpu"):
        assert services[name]["environment"]["MALLOC_ARENA_MAX"] == "2"


def test_everyone_sees_the_same_models_and_nobody_can_change_them(
    services: dict[str, Service],
) -> None:
    for name in ("api", "worker", "triton-cpu", "triton-gpu"):
        mounted = interpolate(services[name]["volumes"][0], HIIR_REPOSITORY="./some")
        assert mounted == "./some:/models:ro"
    assert "--model-repository=/models" in services["triton-cpu"]["command"]
    assert "--model-control-mode=none" in services["triton-cpu"]["command"]
    assert services["api"]["environment"]["HIIR_MODEL_REPOSITORY"] == "/models"


def test_jobs_survive_a_restart_of_redis(services: dict[str, Service]) -> None:
    script = services["redis"]["command"][-1]
    assert {"appendonly yes", "maxmemory-policy noeviction"} <= set(script.splitlines())
    assert "hash-max-listpack-value 1024" in script.splitlines()  # as in the embedded stack
    assert services["redis"]["volumes"] == ["redis-data:/data"]


def test_what_is_built_has_its_dockerfile(services: dict[str, Service]) -> None:
    for service in services.values():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()
