"""The folder of a run: resolved configurations, environment, log and checkpoints."""

import json
import logging
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from hiir.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from hiir.training.config import TrainingConfig
from hiir.training.config_compatibility import with_current_names

__all__ = ["RunFolder", "git_revision"]

logger = logging.getLogger(__name__)

_PACKAGES = ("torch", "numpy", "pillow")


class RunFolder:
    """The folder of one run, whose files are replaced atomically."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path / "log.jsonl"

    def begin(
        self, config: TrainingConfig, environment: Mapping[str, object], *, step: int = 0
    ) -> None:
        """Write the configuration and the environment that the run is started or resumed with.

        Each configuration that changes what determines the weights is kept as a stage of the run:
        ``stages/01-NAME.yaml`` and so on.

        Args:
            config: resolved configuration.
            environment: facts about the processes; the code revision and versions are added.
            step: step at which the run starts.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        resolved = yaml.safe_dump(json.loads(config.model_dump_json()), sort_keys=False)
        (self.path / "config.yaml").write_text(resolved)
        self._keep_stage(config, resolved, step=step)
        described = {
            "git": git_revision(),
            "python": platform.python_version(),
            **_versions(),
            "machine": platform.machine(),
            **environment,
        }
        (self.path / "environment.json").write_text(json.dumps(described, indent=2) + "\n")

    def _keep_stage(self, config: TrainingConfig, resolved: str, *, step: int) -> None:
        stages = self.path / "stages"
        stages.mkdir(exist_ok=True)
        earlier = sorted(stages.iterdir())
        text = f"# {config.identity}, from step {step}\n{resolved}"
        if earlier and earlier[-1].read_text().startswith(f"# {config.identity},"):
            return
        (stages / f"{len(earlier) + 1:02d}-{config.name}.yaml").write_text(text)

    def config(self) -> TrainingConfig:
        """The configuration that the run was last started with."""
        values = yaml.safe_load((self.path / "config.yaml").read_text())
        return TrainingConfig(**with_current_names(values))

    def environment(self) -> dict[str, str]:
        """Code revision, versions and processes that the run was last started with."""
        values = json.loads((self.path / "environment.json").read_text())
        return {key: str(value) for key, value in values.items()}

    def log(self, **values: Any) -> None:
        """Append one line of figures; if the disk is full, the line is lost and the run goes on."""
        try:
            with self._log.open("a") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            logger.warning("cannot write to %s: %s", self._log, error)

    def log_lines(self) -> list[str]:
        """Return all lines of figures so far, as JSON."""
        return self._log.read_text().splitlines() if self._log.is_file() else []

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""
        write_checkpoint(self.path, checkpoint)

    def load(self) -> Checkpoint | None:
        """Read the checkpoint to resume from; None if there is none yet."""
        return read_checkpoint(self.path)

    @property
    def stable(self) -> "RunFolder":
        """The state at the end of the constant learning rate, from which a longer run continues."""
        return RunFolder(self.path / "stable")

    @property
    def best(self) -> "RunFolder":
        """The state whose averaged weights had the best validation so far."""
        return RunFolder(self.path / "best")


def git_revision() -> str:
    """Commit of the running code, with `-dirty` if it has changes; `unknown` without git."""
    code = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(code), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed
        return done.stdout.strip()

    try:
        revision = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", ".")
    except OSError:
        return "unknown"
    return f"{revision}-dirty" if revision and changed else revision or "unknown"


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
