"""A run as a few small files that can be copied between machines: averaged weights, and the state.

Averaged weights are in half precision, as in a release; the trained weights are in float32, and the
averages of the gradients in bfloat16. The metadata of each file identifies the run: its resolved
configuration, environment and log.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import yaml
from safetensors import safe_open
from torch import Tensor

from hiir.training.checkpoint import (
    GROUPS,
    Checkpoint,
    CheckpointError,
    read_files,
    replace_file,
    split_tensors,
)
from hiir.training.config import TrainingConfig
from hiir.training.config_compatibility import with_current_names
from hiir.training.run_folder import RunFolder

__all__ = ["unpack_run", "write_portable"]

_DTYPES = dict(
    zip(GROUPS, (torch.float32, torch.float16, torch.bfloat16, torch.bfloat16), strict=True)
)
_LOG_LINES = 400


def write_portable(
    folder: Path,
    run: RunFolder,
    checkpoint: Checkpoint,
    *,
    max_files: int = 4,
    averages_only: bool = False,
) -> tuple[Path, ...]:
    """Replace the files of a run, ``NAME-1-of-3.safetensors`` and so on.

    The first files hold the averaged weights. If there would be more than ``max_files``, first the
    averages of the gradients are left out, then the whole state; a run that resumes without them
    warms up again.

    Args:
        folder: folder of the files.
        run: folder of the run, for the configuration, the environment and the log.
        checkpoint: state to write.
        max_files: maximum number of files of 15 MiB.
        averages_only: write only the averaged weights.

    Raises:
        CheckpointError: if the averaged weights alone need more files, or a file cannot be written,
            for example on a full disk; existing files are then unchanged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for kept in (GROUPS[1:2],) if averages_only else (GROUPS, GROUPS[:2], GROUPS[1:2]):
        parts = list(split_tensors(_tensors(checkpoint, kept)))
        if len(parts) <= max_files:
            break
    else:
        raise CheckpointError(
            f"the averaged weights of {checkpoint.name} need {len(parts)} files, "
            f"{max_files} at most are asked for"
        )
    config = run.config()
    metadata = {
        "step": str(checkpoint.step),
        "seconds": str(checkpoint.seconds),
        "tiles": str(checkpoint.tiles),
        "decayed": str(checkpoint.decayed),
        "identity": checkpoint.identity,
        "name": checkpoint.name,
        "config": yaml.safe_dump(json.loads(config.model_dump_json()), sort_keys=False),
        "environment": json.dumps(run.environment()),
        "log": "\n".join(run.log_lines()[-_LOG_LINES:]),
    }
    names = [f"{config.name}-{n}-of-{len(parts)}.safetensors" for n in range(1, len(parts) + 1)]
    # Written under other names and then renamed together: a kill leaves one state or the other.
    for name, part in zip(names, parts, strict=True):
        replace_file(folder / f".{name}", part, metadata)
    for name in names:
        (folder / f".{name}").replace(folder / name)
    for path in folder.glob(f"{config.name}-*-of-*.safetensors"):
        if path.name not in names:
            path.unlink()
    return tuple(folder / name for name in names)


def _tensors(checkpoint: Checkpoint, groups: Sequence[str]) -> dict[str, Tensor]:
    # The averaged weights first: they are what ships.
    ordered = sorted(groups, key=lambda group: group != "average")
    return {
        f"{group}/{name}": tensor.detach().cpu().to(_DTYPES[group]).contiguous()
        for group in ordered
        for name, tensor in getattr(checkpoint, group).items()
        # Squares are averaged for what Muon does not move; for matrices they are zero.
        if group != "second_moment" or bool(tensor.any())
    }


def unpack_run(files: Sequence[Path], run: RunFolder) -> TrainingConfig:
    """Create a run folder from the files that `write_portable` wrote; returns its configuration.

    Raises:
        CheckpointError: if the files do not belong to one run, or some are missing.
    """
    if not files:
        raise CheckpointError("no file to unpack a run from")
    with safe_open(files[0], framework="pt") as file:
        metadata = file.metadata() or {}
    if "config" not in metadata:
        raise CheckpointError(f"{files[0]} does not hold a run")
    expected = int(files[0].stem.rpartition("-of-")[2])
    if len(files) != expected:
        raise CheckpointError(f"{files[0].name} is one of {expected} files, {len(files)} are given")
    checkpoint = read_files(files)
    config = TrainingConfig(**with_current_names(yaml.safe_load(metadata["config"])))
    run.begin(config, json.loads(metadata["environment"]), step=checkpoint.step)
    for line in metadata["log"].splitlines():
        run.log(**json.loads(line))
    run.save(_completed(checkpoint))
    return config


def _completed(checkpoint: Checkpoint) -> Checkpoint:
    """Add what was left out: zeros for moments of the same names, or none at all."""
    # Files cannot hold one tensor under two names.
    weights = checkpoint.weights or {n: t.clone() for n, t in checkpoint.average.items()}
    first = dict(checkpoint.first_moment)
    second = {
        name: checkpoint.second_moment.get(name, torch.zeros_like(tensor))
        for name, tensor in weights.items()
    }
    return Checkpoint(
        step=checkpoint.step,
        seconds=checkpoint.seconds,
        tiles=checkpoint.tiles,
        decayed=checkpoint.decayed,
        identity=checkpoint.identity,
        name=checkpoint.name,
        weights=weights,
        average=checkpoint.average,
        first_moment=first,
        second_moment=second if first else {},
    )
