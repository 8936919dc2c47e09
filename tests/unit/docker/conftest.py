"""The chart, rendered by Helm, and the tools that the tests run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.docker.chart import EVERYTHING, Chart, Manifests
from tests.unit.docker.cluster_tools import (
    ToolUnavailableError,
    find_envoy,
    find_helm,
    find_promtool,
)

COMPOSE = Path(__file__).parents[3] / "docker-compose.yml"


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart(helm=found(find_helm))


@pytest.fixture(scope="session")
def promtool() -> Path:
    return found(find_promtool)


@pytest.fixture(scope="session")
def envoy() -> Path:
    return found(find_envoy)


def found(find: Callable[[], Path]) -> Path:
    try:
        return find()
    except ToolUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def plain(chart: Chart) -> Manifests:
    """Rendered with the values as they are shipped."""
    return chart.render()


@pytest.fixture(scope="session")
def everything(chart: Chart) -> Manifests:
    """Rendered with all that can be turned on."""
    return chart.render(EVERYTHING)


@pytest.fixture(scope="session")
def all_pods(plain: Manifests, everything: Manifests) -> Manifests:
    """With the pool of CPUs too, which is not rendered beside those of GPUs."""
    return Manifests((*everything.all, plain.one("StatefulSet", "hiir-triton-cpu")))


@pytest.fixture(scope="session")
def services() -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml."""
    return yaml.safe_load(COMPOSE.read_text())["services"]
