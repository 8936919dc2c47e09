"""What docs/15-kubernetes.md says of the chart is true."""

import re
import shlex
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.unit.docker.chart import CHART, Chart, Manifests

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/15-kubernetes.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
VALUES = [block for block in BLOCKS if "kind" not in block]
KINDS = {"deploy": "Deployment", "service": "Service", "statefulset": "StatefulSet"}


def commands(program: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[0] == program]


@pytest.mark.parametrize("values", VALUES, ids=[", ".join(block) for block in VALUES])
def test_the_chart_accepts_the_values_that_are_shown(chart: Chart, values: dict[str, Any]) -> None:
    assert chart.render(values).of("Deployment")


def test_the_pool_that_is_shown_replaces_the_other_one(chart: Chart) -> None:
    (values,) = (block for block in VALUES if "triton" in block)
    (pool,) = chart.render(values).of("StatefulSet")
    assert pool["metadata"]["name"] == "hiir-triton-l4"
    assert pool["spec"]["volumeClaimTemplates"]


def test_the_claim_that_is_shown_is_the_one_that_is_mounted() -> None:
    (claim,) = (block for block in BLOCKS if "kind" in block)
    kubernetes_validate.validate(claim, "1.37", strict=True)
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    mounted = values["models"]["volume"]["persistentVolumeClaim"]
    assert mounted["claimName"] == claim["metadata"]["name"]


def test_commands_name_what_the_chart_makes(plain: Manifests) -> None:
    named = [word for words in commands("kubectl") for word in words if "/" in word]
    named = [word for word in named if word.partition("/")[0] in KINDS]
    assert len(named) == 3
    for word in named:
        kind, _, name = word.partition("/")
        plain.one(KINDS[kind], name)


def test_commands_give_the_secret_its_name_and_key() -> None:
    (secret,) = (words for words in commands("kubectl") if "secret" in words)
    redis = yaml.safe_load((CHART / "values.yaml").read_text())["redis"]
    assert secret[secret.index("generic") + 1] == redis["secretName"]
    assert secret[-1].startswith(f"--from-literal={redis['secretKey']}=redis://")


def test_the_chart_is_installed_from_its_folder() -> None:
    (install,) = commands("helm")
    assert (ROOT / install[install.index("hiir") + 1] / "Chart.yaml").is_file()


def test_sizes_follow_from_the_figures_of_the_performance_page() -> None:
    readme = (ROOT / "README.md").read_text()
    (seconds,) = re.findall(r"^\| 12-megapixel JPEG \| (\d+) s \|$", readme, re.MULTILINE)
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \| ([\d,]+) \| ", PAGE, re.MULTILINE)
    assert [int(workers) for workers, *_ in rows] == [1, 10, 100]
    for workers, slots, cores, photos in rows:
        assert int(slots) == 2 * int(workers)
        assert int(cores) == 2 * int(slots)
        hourly = int(slots) * 3600 / int(seconds)
        assert int(photos.replace(",", "")) == pytest.approx(hourly, rel=0.005)
