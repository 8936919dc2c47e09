"""What a run leaves on disk: resolved configuration, environment, log and checkpoints."""

import json
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from hiir.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from hiir.training.config import TrainingConfig

__all__ = ["RunFolder"]

_PACKAGES = ("torch", "lightning-fabric", "numpy", "pillow")


class RunFolder:
    """One folder a run. Files are replaced as a whole: a kill never leaves half a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path / "log.jsonl"

    def begin(self, config: TrainingConfig, environment: Mapping[str, object]) -> None:
        """Write what the run is started from; a run that is resumed says what it goes on with.

        Args:
            config: resolved.
            environment: of the processes, which this adds code and versions to.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        resolved = yaml.safe_dump(json.loads(config.model_dump_json()), sort_keys=False)
        (self.path / "config.yaml").write_text(resolved)
        described = {
            "git": git_revision(),
            "python": platform.python_version(),
            **{package: version(package) for package in _PACKAGES},
            "machine": platform.machine(),
            **environment,
        }
        (self.path / "environment.json").write_text(json.dumps(described, indent=2) + "\n")

    def config(self) -> TrainingConfig:
        """The configuration that the run was last started with."""
        values = yaml.safe_load((self.path / "config.yaml").read_text())
        return TrainingConfig(**values)

    def environment(self) -> dict[str, str]:
        """Code revision, versions and processes that the run was last started with."""
        values = json.loads((self.path / "environment.json").read_text())
        return {key: str(value) for key, value in values.items()}

    def log(self, **values: Any) -> None:
        """Append one line of figures."""
        with self._log.open("a") as file:
            file.write(json.dumps(values) + "\n")

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""
        write_checkpoint(self.path, checkpoint)

    def load(self) -> Checkpoint | None:
        """The checkpoint to resume from, or None if there is none yet."""
        return read_checkpoint(self.path)


def git_revision() -> str:
    """Commit of the working directory, `unknown` outside a repository."""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"
