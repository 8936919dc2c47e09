"""Several runs that share a GPU by a plan."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from hiir.training.planned_runs import RunPlan, main


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_shipped_plan_names_shipped_configurations() -> None:
    plan = RunPlan.read(Path("hiir/configs/profiles/gpu-plan.yaml"))
    assert all(Path(f"hiir/configs/{run.config}.yaml").is_file() for run in plan.runs)
    assert plan.runs[0].begin == 0


def test_a_run_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "plan.yaml", "runs: [{config: weather, begin: 0.5, end: 0.4}]")
    with pytest.raises(ValidationError, match=r"a run ends after it begins: 0\.5 to 0\.4"):
        RunPlan.read(path)


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "plan.yaml", "runs: [{config: weather, until: 0.4}]")
    with pytest.raises(ValidationError, match="until"):
        RunPlan.read(path)


def test_a_run_that_fails_is_started_once_more_uncompiled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "plan.yaml", "runs: [{config: no-such-model}]")
    assert main([str(path), "--seconds", "60", "--home", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert shown.count("no-such-model ended with status") == 2
    assert "started for 35 s\n" in shown
    assert 'compile="no" cuda_graph=false' in shown
    log = (tmp_path / "logs" / "no-such-model.log").read_text()
    assert log.count("no configuration 'no-such-model'") == 2
