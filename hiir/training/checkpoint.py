"""The state of a run in safetensors: one file while it is small, several of bounded size else."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

__all__ = ["Checkpoint", "read_checkpoint", "write_checkpoint"]

_GROUPS = ("weights", "average", "first_moment", "second_moment")
# Of tensors in a file: with the header, what is carried between machines stays below 16 MiB.
_FILE_BYTES = 15 * 2**20
_SINGLE, _INDEX = "last.safetensors", "last.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """State after ``step`` optimizer steps; every tensor float32."""

    step: int
    weights: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    first_moment: Mapping[str, Tensor]
    second_moment: Mapping[str, Tensor]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint of a folder, as a whole or not at all.

    A file holds 15 MiB of tensors at most, unless a single tensor is larger.

    Raises:
        OSError: when the disk is full, for example; what was there is then untouched.
    """
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group in _GROUPS
        for name, tensor in getattr(checkpoint, group).items()
    }
    metadata = {"step": str(checkpoint.step)}
    parts = list(_split(tensors))
    if len(parts) == 1:
        _replace(folder / _SINGLE, parts[0], metadata)
        (folder / _INDEX).unlink(missing_ok=True)
    else:
        names = [
            f"last-{checkpoint.step}-{number:02d}-of-{len(parts):02d}.safetensors"
            for number in range(1, len(parts) + 1)
        ]
        for name, part in zip(names, parts, strict=True):
            _replace(folder / name, part, metadata)
        # The index makes the new files the checkpoint, at once.
        scratch = folder / f"{_INDEX}.tmp"
        scratch.write_text(json.dumps({"step": checkpoint.step, "files": names}, indent=2) + "\n")
        scratch.replace(folder / _INDEX)
        (folder / _SINGLE).unlink(missing_ok=True)
    for path in folder.glob("last-*.safetensors"):
        if len(parts) == 1 or path.name not in names:
            path.unlink()


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint of a folder, or None if there is none yet."""
    index, single = folder / _INDEX, folder / _SINGLE
    if index.exists():
        paths = [folder / name for name in json.loads(index.read_text())["files"]]
    elif single.exists():
        paths = [single]
    else:
        return None
    groups: dict[str, dict[str, Tensor]] = {group: {} for group in _GROUPS}
    step = 0
    for path in paths:
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - no mapping
                group, _, name = key.partition("/")
                groups[group][name] = file.get_tensor(key)
            step = int(file.metadata()["step"])
    return Checkpoint(step=step, **groups)


def _split(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    part: dict[str, Tensor] = {}
    filled = 0
    for name, tensor in tensors.items():
        if part and filled + tensor.nbytes > _FILE_BYTES:
            yield part
            part, filled = {}, 0
        part[name] = tensor
        filled += tensor.nbytes
    yield part


def _replace(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    scratch = path.with_suffix(".tmp")
    try:
        save_file(tensors, scratch, metadata=metadata)
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
    scratch.replace(path)
