"""What README and docs say is true: commands, options, settings, errors, paths and links."""

import functools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, SecretStr

from service.embedded.settings import StackSettings
from service.errors import error_types
from service.limits import OPEN_MODE
from service.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)(?P<target>[^)#\s]+)(?:#(?P<anchor>[^)\s]+))?\)")
PATH = re.compile(
    r"`((?:hiir|service|docs|docker|requirements|samples|tests|\.ci)/[\w./-]*|docker-compose\.yml)`"
)
VARIABLE = re.compile(r"\bHIIR_[A-Z0-9_]+\b")
# Routes that FastAPI itself serves.
OWN_ROUTES = {"/docs", "/openapi.json"}


def shell_commands() -> Iterator[tuple[str, list[str]]]:
    """Yield each command of each `sh` block, with the assignments before it cut off."""
    for page in PAGES:
        for block in FENCE.finditer(page.read_text()):
            if block["language"] != "sh":
                continue
            for line in block["body"].splitlines():
                words = shlex.split(line)
                while words and re.match(r"\w+=", words[0]):
                    words.pop(0)
                yield f"{page.relative_to(ROOT)}: {line}", words


COMMANDS = dict(shell_commands())


@functools.cache
def help_of(*command: str) -> str:
    shown = subprocess.run(
        [sys.executable, "-m", *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for word in words:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            assert f"$({name})" in makefile or f"$(if $({name})" in makefile, name
        else:
            assert re.search(rf"^{name}:.*## ", makefile, re.MULTILINE), name


def check_hiir(words: list[str]) -> None:
    shown = help_of("hiir.cli", *words[: 2 if words[0] in {"data", "keys"} else 1])
    for word in words[1:]:
        if word.startswith("--"):
            assert word in shown, word


def check_curl(words: list[str]) -> None:
    from service.api.routes import (
        analyses,
        batches,
        deliveries,
        event_streams,
        events,
        health,
        jobs,
        links,
        previews,
        results,
        tasks,
        webhook_secrets,
    )

    methods = {"-F": "POST", "--data-binary": "POST"}
    method = next((methods[word] for word in words if word in methods), "GET")
    if "-X" in words:
        method = words[words.index("-X") + 1]
    url = next(word for word in words if word.startswith("http://"))
    path = re.sub(r"^http://[^/]+|\?.*$", "", url).replace("ID", "{job_id}")
    path = path.replace("BATCH", "{batch_id}")
    modules = (
        *(analyses, batches, deliveries, event_streams, events, health, jobs),
        *(links, previews, results, tasks, webhook_secrets),
    )
    routes = [route for module in modules for route in module.router.routes]
    assert any(route.path == path and method in route.methods for route in routes), path
    for word in words:
        if word.startswith("@") or "=@" in word:
            assert (ROOT / word.partition("@")[2]).is_file(), word


def check_docker(words: list[str]) -> None:
    if words[0] == "build":
        assert (ROOT / words[words.index("-f") + 1]).is_file()
        return
    assert words[0] == "compose"
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    profiles = {profile for service in services.values() for profile in service["profiles"]}
    assert words[words.index("--profile") + 1] in profiles
    if "run" in words:
        service, *command = [word for word in words[words.index("run") + 1 :] if word != "--rm"]
        assert service in services
        if command:
            assert command[:3] == ["python", "-m", "hiir.cli"]
            check_hiir(command[3:])
    if "--scale" in words:
        assert words[words.index("--scale") + 1].partition("=")[0] in services


def check_python(words: list[str]) -> None:
    assert words[0] == "-m"
    shown = help_of(words[1])
    for word in words[2:]:
        if word.startswith("--"):
            assert word in shown, word


CHECKS = {
    ".venv/bin/hiir": check_hiir,
    "curl": check_curl,
    "docker": check_docker,
    "export": lambda words: None,
    "helm": lambda words: None,  # tests/unit/docker/test_chart_page.py has what it needs
    "hiir": check_hiir,
    "kubectl": lambda words: None,
    "make": check_make,
    "mkdir": lambda words: None,
    "python": check_python,
}


@pytest.mark.parametrize("shown", COMMANDS)
def test_a_command_that_is_shown_exists(shown: str) -> None:
    program, *words = COMMANDS[shown]
    assert program in CHECKS, f"no check for {program}"
    CHECKS[program](words)


def test_the_commands_that_everybody_needs_are_shown() -> None:
    shown = {" ".join(words) for words in COMMANDS.values()}
    assert {"make install", "make up", "make up ONCE=1", "make check", "make test"} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.finditer(page.read_text()):
        target = page.parent / link["target"]
        assert target.exists(), link["target"]
        if link["anchor"]:
            assert f'id="{link["anchor"]}"' in target.read_text(), link[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_exist(page: Path) -> None:
    for path in PATH.findall(page.read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_can_be_run(page: Path) -> None:
    for module in re.findall(r"`python -m ([\w.]+)", page.read_text()):
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def defaults(model: type[BaseModel], prefix: str = "HIIR_") -> Iterator[tuple[str, object]]:
    """Yield each variable and its default, nested ones with two underscores."""
    for name, field in model.model_fields.items():
        value = field.get_default(call_default_factory=True)
        if isinstance(value, BaseModel):
            yield from defaults(type(value), f"{prefix}{name.upper()}__")
        else:
            # A list is given as JSON.
            shown = json.dumps(list(value)) if isinstance(value, tuple) else value
            shown = shown.get_secret_value() if isinstance(shown, SecretStr) else shown
            yield f"{prefix}{name.upper()}", shown


@pytest.mark.parametrize(
    ("title", "settings"), [("## API and worker", Settings), ("## The embedded", StackSettings)]
)
def test_every_setting_is_listed_with_its_default(title: str, settings: type[BaseModel]) -> None:
    text = (ROOT / "docs/settings.md").read_text().partition(title)[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(HIIR_\w+)` \| (none|`[^`]+`) \| \S.* \|$", text, re.MULTILINE)
    listed = {name: default.strip("`") for name, default in rows}
    listed["HIIR_CACHE_DIR"] = listed.get("HIIR_CACHE_DIR", "").replace("~", str(Path.home()))
    actual = {name: "none" if value is None else str(value) for name, value in defaults(settings)}
    assert {name: listed.get(name) for name in actual} == actual
    assert len(rows) == len(actual)


def test_the_defaults_of_open_mode_are_listed() -> None:
    text = (ROOT / "docs/settings.md").read_text().partition("## Open mode")[2]
    rows = re.findall(
        r"^\| `(HIIR_\w+)` \| `(\d+)` \| \S", text.partition("\n## ")[0], re.MULTILINE
    )
    actual = {
        f"HIIR_{group}__{name}".upper(): str(value)
        for group, values in OPEN_MODE.items()
        for name, value in values.items()
    }
    assert dict(rows) == actual


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_variables_are_read_by_somebody(page: Path) -> None:
    known = {name for model in (Settings, StackSettings) for name, _ in defaults(model)}
    known |= set(VARIABLE.findall((ROOT / "docker-compose.yml").read_text()))
    assert set(VARIABLE.findall(page.read_text())) <= known


def test_every_error_is_listed_as_it_is() -> None:
    text = (ROOT / "docs/errors.md").read_text()
    rows = re.findall(
        r'^\| <a id="([^"]+)"></a>`\1` \| (\d+) \| (yes|no) \| \S.* \|$', text, re.MULTILINE
    )
    listed = {code: (int(status), answer == "yes") for code, status, answer in rows}
    assert listed == {error.code: (error.status, error.retryable) for error in error_types()}


def test_every_record_of_a_decision_has_a_number_and_a_status() -> None:
    for number, record in enumerate(sorted((ROOT / "docs/adr").glob("*.md")), start=1):
        assert record.name.startswith(f"{number:04d}-")
        assert re.match(rf"# {number}\. \S.*\n\nStatus: \w+\n", record.read_text())
