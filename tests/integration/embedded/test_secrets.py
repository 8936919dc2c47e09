"""No secret of a running stack is shown by any of its processes, logs, metrics or answers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import psutil
import pytest

from service.embedded.settings import StackSettings
from service.keys import ALL_SCOPES, KeyStore
from service.settings import Settings
from tests.integration.embedded.test_stack_processes import (
    HEAL_TIMEOUT_S,
    RunningStack,
    running_stack,
    wait_until,
)
from tests.integration.service.models import add_identity

WRONG_KEY = "hiir_0123456789ab_" + "w" * 43
WHOLE = ("-m", "service.embedded")
ROOT = Path(__file__).parents[3]


class Watched:
    """A stack under API keys that was used, and its secrets."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.redis_url = stack.state()["redis_url"]
        password = urlsplit(self.redis_url).password
        assert password
        with closing(KeyStore.from_settings(Settings(redis_url=self.redis_url))) as keys:
            _, self.token = keys.create(tenant="museum", scopes=ALL_SCOPES, name="", days=1)
        self.secrets = {"redis": unquote(password), "key": self.token, "wrong key": WRONG_KEY}
        self.answers: list[str] = []

    def ask(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        url = self.stack.state()["api_url"]
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            answer = client.request(method, path, headers={"X-API-Key": token}, **more)
        self.answers.append(f"{answer.headers}\n{answer.text}")
        return answer

    def found_in(self, text: str) -> list[str]:
        return [name for name, secret in self.secrets.items() if secret in text]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    models = tmp_path_factory.mktemp("models")
    add_identity(models, "identity")
    settings = {"HIIR_AUTH": "keys", "HIIR_LOG_LEVEL": "DEBUG"}
    folder = tmp_path_factory.mktemp("secrets")
    with running_stack(folder, models, driver=WHOLE, **settings) as stack:
        used = Watched(stack)
        shown = used.ask("GET", "/v1/webhooks/secret", used.token)
        assert shown.status_code == 200, shown.text
        used.secrets["webhook"] = shown.json()["secret"]
        used.answers.clear()  # the one answer that has to contain it
        for method, path in (
            ("GET", "/v1/tasks"),
            ("GET", "/v1/keys"),
            ("GET", "/v1/jobs/none"),
            ("POST", "/v1/jobs"),
            ("PATCH", "/v1/jobs"),
            ("GET", "/v1/jobs?limit=x"),
        ):
            used.ask(method, path, used.token)
            used.ask(method, path, WRONG_KEY)
        # An outage makes every process log errors of its connections.
        killed = stack.pid("redis")
        os.kill(killed, signal.SIGKILL)
        used.ask("GET", "/v1/jobs", used.token)
        wait_until(lambda: stack.pid("redis") != killed, HEAL_TIMEOUT_S)
        wait_until(
            lambda: used.ask("GET", "/v1/jobs", used.token).status_code == 200, HEAL_TIMEOUT_S
        )
        time.sleep(2)  # until the workers have connected again
        yield used


def test_the_search_would_find_a_secret(watched: Watched) -> None:
    assert len(watched.secrets) == 4
    text = (watched.stack.data_dir / "stack.json").read_text()
    assert watched.found_in(json.loads(text)["redis_url"]) == ["redis"]


def test_no_process_has_a_secret_on_its_command_line(watched: Watched) -> None:
    lines = {p.pid: " ".join(p.cmdline()) for p in watched.stack.descendants()}
    assert set(watched.stack.state()["pids"].values()) <= lines.keys()
    assert {pid: found for pid, line in lines.items() if (found := watched.found_in(line))} == {}
    own = " ".join(psutil.Process(watched.stack.process.pid).cmdline())
    assert watched.found_in(own) == []


def test_no_log_has_a_secret(watched: Watched) -> None:
    text = watched.stack.log.read_text()
    assert "redis" in text
    assert "/v1/jobs" in text  # requests are logged at this level
    assert watched.found_in(text) == []


def test_no_metric_and_no_answer_has_a_secret(watched: Watched) -> None:
    for url in watched.stack.state()["metrics_urls"]:
        metrics = httpx.get(url, trust_env=False).text
        assert "hiir_" in metrics
        assert watched.found_in(metrics) == []
    assert len(watched.answers) > 12
    assert watched.found_in("\n".join(watched.answers)) == []


def test_the_state_file_is_for_its_owner_alone(watched: Watched) -> None:
    for path in ("stack.json", "redis/redis.conf"):
        assert (watched.stack.data_dir / path).stat().st_mode & 0o077 == 0


def test_settings_do_not_show_a_secret(watched: Watched) -> None:
    settings = Settings(redis_url=watched.redis_url)
    stack = StackSettings(redis_url=watched.redis_url, api_key=watched.token)
    shown = f"{settings!r} {settings} {stack!r} {settings.model_dump()} {stack.model_dump_json()}"
    assert watched.found_in(shown) == []


@pytest.mark.parametrize(
    ("module", "entry"),
    [
        ("service.api.app", "create_app"),
        ("service.worker.app", "app"),
        ("service.webhooks.worker.app", "main"),
    ],
)
def test_a_refused_address_is_not_repeated_by_any_process(
    watched: Watched, module: str, entry: str
) -> None:
    code = "import sys, importlib;getattr(importlib.import_module(sys.argv[1]), sys.argv[2])()"
    refused = subprocess.run(
        [sys.executable, "-c", code, module, entry],
        env={**os.environ, "HIIR_REDIS_URL": f"{watched.redis_url}/3"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert refused.returncode != 0
    assert "redis_url" in refused.stderr
    assert watched.found_in(refused.stderr + refused.stdout) == []
