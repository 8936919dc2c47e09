"""Several runs that share a GPU, with a plan of their configurations, start and end times.

    python -m hiir.training.planned_runs PLAN.yaml --seconds 700 --home HOME

A run that fails is restarted once, without compilation and without a CUDA graph, for the rest of
its time.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["PlannedRun", "RunPlan", "main"]

_SETUP_S = 25.0
"""Seconds from the start of a run's process to its first step, and from its last step to its exit.
"""
_LEAST_S = 10.0
_UNCOMPILED = ('compile="no"', "cuda_graph=false")


class PlannedRun(BaseModel):
    """One run of a plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: str
    """Name of a shipped configuration, or path of a file beside the plan."""
    begin: float = Field(default=0.0, ge=0, lt=1)
    """Share of the plan's time at which the run's process starts."""
    end: float = Field(default=1.0, gt=0, le=1)
    """Share of the plan's time at which the run has ended."""
    settings: tuple[str, ...] = ()
    """Overrides ``KEY=VALUE``."""

    @model_validator(mode="after")
    def _in_order(self) -> "PlannedRun":
        if self.end <= self.begin:
            raise ValueError(f"a run ends after it begins: {self.begin} to {self.end}")
        return self

    @property
    def name(self) -> str:
        """Name of its folder and its log."""
        return Path(self.config).stem


class RunPlan(BaseModel):
    """The runs, in the order of their start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: tuple[str, ...] = ()
    """Overrides ``KEY=VALUE`` for all runs."""
    runs: tuple[PlannedRun, ...] = Field(min_length=1)

    @classmethod
    def read(cls, path: Path) -> "RunPlan":
        """Read a YAML file; raises `pydantic.ValidationError` if it is invalid."""
        return cls(**yaml.safe_load(path.read_text(encoding="utf-8")))


class _Supervisor:
    """Starts the runs of a plan at their times, and waits for all of them."""

    def __init__(self, plan: RunPlan, *, folder: Path, home: Path, seconds: float) -> None:
        self._plan, self._folder, self._home, self._seconds = plan, folder, home, seconds
        self._began = time.monotonic()
        self._running: dict[str, tuple[PlannedRun, subprocess.Popen[bytes]]] = {}
        self._failed: set[str] = set()

    def run(self) -> int:
        """Run the plan; returns the number of runs that failed twice."""
        waiting = sorted(self._plan.runs, key=lambda run: run.begin)
        lost = 0
        while waiting or self._running:
            while waiting and self._passed >= waiting[0].begin * self._seconds:
                self._start(waiting.pop(0))
            for name, (run, process) in list(self._running.items()):
                status = process.poll()
                if status is None:
                    continue
                del self._running[name]
                self._say(f"{name} ended with status {status}")
                if status and name not in self._failed:
                    self._failed.add(name)
                    self._start(run, *_UNCOMPILED)
                elif status:
                    lost += 1
            time.sleep(0.2)
        self._say("all runs have ended")
        return lost

    @property
    def _passed(self) -> float:
        return time.monotonic() - self._began

    def _start(self, run: PlannedRun, *more: str) -> None:
        seconds = max(run.end * self._seconds - self._passed - _SETUP_S, _LEAST_S)
        beside = self._folder / run.config
        config = str(beside) if beside.is_file() else run.config
        home = self._home
        command = [sys.executable, "-m", "hiir.cli", "train", config, "--for", f"{seconds:.0f}s"]
        command += ["--run-dir", str(home / "runs" / run.name)]
        command += ["--carry", str(home / "carried"), "--carry-averages"]
        # Folders of its own: runs that unpack one archive into one folder would disturb each other.
        paths = {
            "shards": home / "shards",
            "root": home / "data" / run.name,
            "cache": home / "cache" / run.name,
        }
        settings = [f"data.{key}={path}" for key, path in paths.items()]
        for setting in (*settings, *self._plan.settings, *run.settings, *more):
            command += ["--set", setting]
        # One thread each: the processes that degrade tiles and the runs share the cores.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self._log(run.name) as log:
            process = subprocess.Popen(  # noqa: S603 - this very program
                command, stdout=log, stderr=subprocess.STDOUT, cwd=home, env=environment
            )
        self._running[run.name] = (run, process)
        self._say(f"{run.name} started for {seconds:.0f} s {' '.join(more)}".rstrip())

    def _log(self, name: str) -> IO[bytes]:
        (self._home / "logs").mkdir(exist_ok=True)
        return (self._home / "logs" / f"{name}.log").open("ab")

    def _say(self, text: str) -> None:
        sys.stdout.write(f"{self._passed:6.1f} s: {text}\n")
        sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a plan; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--seconds", type=float, required=True, help="length of the plan")
    parser.add_argument("--home", type=Path, required=True, help="folder of runs, logs and data")
    options = parser.parse_args(arguments)
    plan = RunPlan.read(options.plan)
    supervisor = _Supervisor(
        plan, folder=options.plan.parent, home=options.home, seconds=options.seconds
    )
    return 1 if supervisor.run() == len(plan.runs) else 0


if __name__ == "__main__":
    sys.exit(main())
