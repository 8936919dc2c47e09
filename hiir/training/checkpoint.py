"""Checkpoints in safetensors: one file if it is small, otherwise several of bounded size."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hiir.errors import HiirError
from hiir.models.parameter_names import current_parameter_name

__all__ = [
    "GROUPS",
    "Checkpoint",
    "CheckpointError",
    "read_checkpoint",
    "read_files",
    "replace_file",
    "split_tensors",
    "write_checkpoint",
]

# Kept as text beside the tensors, and read back by these.
_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "step": int,
    "seconds": float,
    "tiles": int,
    "decayed": int,
    "identity": str,
    "name": str,
}
GROUPS = ("weights", "average", "first_moment", "second_moment")
"""Kinds of tensors; a tensor is named ``group/parameter``."""
# Of tensors in a file: with the header, what is carried between machines stays below 16 MiB.
_FILE_BYTES = 15 * 2**20
_SINGLE, _INDEX = "last.safetensors", "last.json"


class CheckpointError(HiirError):
    """A checkpoint cannot be read or written; the message names the problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state after ``step`` optimizer steps; every tensor is float32."""

    step: int
    seconds: float = 0.0
    """Seconds of training so far."""
    tiles: int = 0
    """Number of the next tile to draw."""
    decayed: int = 0
    """1 after the final decay of the learning rate has started, otherwise 0."""
    identity: str = ""
    """`TrainingConfig.identity` of the run; empty in checkpoints of earlier versions."""
    name: str = ""
    """Name of the run's configuration."""
    weights: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    first_moment: Mapping[str, Tensor]
    second_moment: Mapping[str, Tensor]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint of a folder atomically.

    A file holds at most 15 MiB of tensors, unless a single tensor is larger.

    Raises:
        CheckpointError: if a file cannot be written, for example on a full disk; the previous
            checkpoint is then unchanged.
    """
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group in GROUPS
        for name, tensor in getattr(checkpoint, group).items()
    }
    metadata = {key: str(getattr(checkpoint, key)) for key in _SCALARS}
    parts = list(split_tensors(tensors))
    if len(parts) == 1:
        replace_file(folder / _SINGLE, parts[0], metadata)
        (folder / _INDEX).unlink(missing_ok=True)
    else:
        names = [
            f"last-{checkpoint.step}-{number:02d}-of-{len(parts):02d}.safetensors"
            for number in range(1, len(parts) + 1)
        ]
        for name, part in zip(names, parts, strict=True):
            replace_file(folder / name, part, metadata)
        # The index makes the new files the checkpoint, at once.
        scratch = folder / f"{_INDEX}.tmp"
        scratch.write_text(json.dumps({"step": checkpoint.step, "files": names}, indent=2) + "\n")
        scratch.replace(folder / _INDEX)
        (folder / _SINGLE).unlink(missing_ok=True)
    for path in folder.glob("last-*.safetensors"):
        if len(parts) == 1 or path.name not in names:
            path.unlink()


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the checkpoint of a folder; None if there is none yet."""
    index, single = folder / _INDEX, folder / _SINGLE
    if index.exists():
        paths = [folder / name for name in json.loads(index.read_text())["files"]]
    elif single.exists():
        paths = [single]
    else:
        return None
    return read_files(paths)


def read_files(paths: Sequence[Path]) -> Checkpoint:
    """Read the checkpoint that some files hold together, whatever the precision of its tensors.

    Raises:
        CheckpointError: if the files do not belong to one checkpoint.
    """
    groups: dict[str, dict[str, Tensor]] = {group: {} for group in GROUPS}
    found: list[dict[str, str]] = []
    for path in paths:
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - no mapping
                group, _, name = key.partition("/")
                groups[group][current_parameter_name(name)] = file.get_tensor(key).float()
            found.append(file.metadata())
    steps = sorted({int(metadata["step"]) for metadata in found})
    if len(steps) != 1:
        raise CheckpointError(
            f"{', '.join(path.name for path in paths)} are of steps {steps}, not of one checkpoint"
        )
    given: dict[str, Any] = {
        key: kind(found[0][key]) for key, kind in _SCALARS.items() if key in found[0]
    }
    return Checkpoint(**(given | groups))


def split_tensors(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Split tensors into files of 15 MiB at most, unless a single tensor is larger."""
    part: dict[str, Tensor] = {}
    filled = 0
    for name, tensor in tensors.items():
        if part and filled + tensor.nbytes > _FILE_BYTES:
            yield part
            part, filled = {}, 0
        part[name] = tensor
        filled += tensor.nbytes
    yield part


def replace_file(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically.

    Raises:
        CheckpointError: if the file cannot be written, for example on a full disk.
    """
    scratch = path.with_suffix(".tmp")
    try:
        save_file(tensors, scratch, metadata=metadata)
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
    # The library does not raise what the system reports as an OSError.
    except (OSError, SafetensorError) as error:
        scratch.unlink(missing_ok=True)
        raise CheckpointError(f"cannot write {path}: {error}") from error
    scratch.replace(path)
