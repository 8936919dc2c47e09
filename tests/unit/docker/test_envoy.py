"""Envoy itself reads the configuration that docs/16-failover.md offers."""

import subprocess
from pathlib import Path

CONFIGURATION = Path(__file__).parents[3] / "docker" / "envoy" / "triton.yaml"


def validate(envoy: Path, path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(envoy), "--mode", "validate", "-c", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_envoy_accepts_the_configuration(envoy: Path) -> None:
    done = validate(envoy, CONFIGURATION)
    assert done.returncode == 0, done.stderr[-2000:]


def test_envoy_refuses_a_misspelt_field(envoy: Path, tmp_path: Path) -> None:
    text = CONFIGURATION.read_text()
    assert "lb_policy: LEAST_REQUEST" in text
    changed = tmp_path / "triton.yaml"
    changed.write_text(text.replace("lb_policy:", "lb_polici:"))
    done = validate(envoy, changed)
    assert done.returncode != 0
    assert "lb_polici" in done.stderr
