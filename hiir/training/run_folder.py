"""What a run leaves on disk: resolved configuration, environment, log and checkpoints."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from hiir.training.config import TrainingConfig

__all__ = ["Checkpoint", "RunFolder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """State after ``step`` optimizer steps; every tensor float32."""

    step: int
    weights: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    first_moment: Mapping[str, Tensor]
    second_moment: Mapping[str, Tensor]


_GROUPS = ("weights", "average", "first_moment", "second_moment")


class RunFolder:
    """One folder a run. Files are replaced as a whole: a kill never leaves half a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checkpoint = path / "last.safetensors"
        self._log = path / "log.jsonl"

    def begin(self, config: TrainingConfig) -> None:
        """Write what the run is started from; a run that is resumed says what it goes on with."""
        self.path.mkdir(parents=True, exist_ok=True)
        resolved = yaml.safe_dump(json.loads(config.model_dump_json()), sort_keys=False)
        (self.path / "config.yaml").write_text(resolved)
        environment = {
            "git": git_revision(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "machine": platform.machine(),
            "processes": int(os.environ.get("WORLD_SIZE", "1")),
        }
        (self.path / "environment.json").write_text(json.dumps(environment, indent=2) + "\n")

    def config(self) -> TrainingConfig:
        """The configuration that the run was last started with."""
        return TrainingConfig(**yaml.safe_load((self.path / "config.yaml").read_text()))

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
        tensors = {
            f"{group}/{name}": tensor.contiguous()
            for group in _GROUPS
            for name, tensor in getattr(checkpoint, group).items()
        }
        scratch = self._checkpoint.with_suffix(".tmp")
        save_file(tensors, scratch, metadata={"step": str(checkpoint.step)})
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        scratch.replace(self._checkpoint)

    def load(self) -> Checkpoint | None:
        """The checkpoint to resume from, or None if there is none yet."""
        if not self._checkpoint.exists():
            return None
        groups: dict[str, dict[str, Tensor]] = {group: {} for group in _GROUPS}
        with safe_open(self._checkpoint, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - no mapping
                group, _, name = key.partition("/")
                groups[group][name] = file.get_tensor(key)
            step = int(file.metadata()["step"])
        return Checkpoint(step=step, **groups)


def git_revision() -> str:
    """Commit of the working directory, `unknown` outside a repository."""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"
