"""Evaluates rules and expressions on series, with Prometheus' own promtool."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[3] / "docker/monitoring/alerts.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What an expression gives at a time, such as `10m`."""

    expression: str
    at: str
    samples: Mapping[str, float] = field(default_factory=dict)
    """Values by series; empty if there is no result."""

    def as_test(self) -> dict[str, Any]:
        samples = [{"labels": labels, "value": value} for labels, value in self.samples.items()]
        return {"expr": self.expression, "eval_time": self.at, "exp_samples": samples}


def is_met(
    promtool: Path,
    folder: Path,
    *expectations: Expectation,
    series: Mapping[str, str],
    rules: Path = RULES,
) -> bool:
    """Return whether all expectations are met; `series` has a value for every minute.

    Raises AssertionError with promtool's message if it could not evaluate them.
    """
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [each.as_test() for each in expectations],
    }
    path = folder / "test.yml"
    document = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [test]}
    path.write_text(yaml.safe_dump(document))
    ran = subprocess.run(
        [promtool, "test", "rules", path], capture_output=True, text=True, check=False, timeout=60
    )
    said = ran.stdout + ran.stderr
    assert ("SUCCESS" in said) != ("FAILED" in said), said
    assert ran.returncode == 0 or "\n        exp:" in said, said
    return ran.returncode == 0


def check_rules(promtool: Path, path: Path) -> str:
    """Return what promtool says of the rules; empty if they are valid."""
    ran = subprocess.run(
        [promtool, "check", "rules", path], capture_output=True, text=True, check=False, timeout=60
    )
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr
