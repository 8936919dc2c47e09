"""A trained model that is not shipped: from the folder of its run or a weights file."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hiir.imaging import ModelContract
from hiir.models.parameter_names import with_current_parameter_names
from hiir.models.presets import get_preset
from hiir.models.release import Release, ReleaseError, read_release
from hiir.training.checkpoint import Checkpoint
from hiir.training.config import TrainingConfig
from hiir.training.config_compatibility import with_current_names
from hiir.training.run_folder import RunFolder

__all__ = ["contract_of", "read_run", "read_weights_files", "state_of"]

_CONFIG = "config"
"""Key of the metadata that holds a run's resolved configuration, as YAML."""
_AVERAGE = "average/"
"""Prefix of the averaged weights in a training state, before the names of the parameters."""
_NO_FILE = "0" * 64


def read_run(run: RunFolder) -> Release:
    """Load the averaged weights of a run's checkpoint into the network of its configuration.

    Raises:
        ReleaseError: if the folder lacks a configuration or a checkpoint, or the weights do not
            fit.
    """
    config, checkpoint = state_of(run)
    provenance = {"run": str(run.path), "steps": str(checkpoint.step)}
    return _assemble(config, checkpoint.average, provenance=provenance, origin=run.path)


def state_of(run: RunFolder, *, best: bool = False) -> tuple[TrainingConfig, Checkpoint]:
    """Return the configuration that a run was last started with, and its state.

    Args:
        run: folder of the run.
        best: return the state of the best validation instead of the last one.

    Raises:
        ReleaseError: if the folder lacks a configuration or a checkpoint.
    """
    try:
        config, checkpoint = run.config(), (run.best if best else run).load()
    except (OSError, ValidationError, yaml.YAMLError) as error:
        raise ReleaseError(f"{run.path} is not the folder of a run: {error}") from error
    if checkpoint is None:
        raise ReleaseError(f"{run.path} has no checkpoint")
    return config, checkpoint


def read_weights_files(paths: Sequence[Path]) -> Release:
    """Load a model from its file, or from the files of a training state.

    Args:
        paths: one file with a contract in its metadata, as released models are; or one or more that
            are the parts of a training state: the metadata key ``config`` holds the resolved
            configuration as YAML, and the tensors ``average/<parameter>``, of any floating-point
            type, are the averaged weights.

    Raises:
        ReleaseError: if a file cannot be read or is neither, or if the weights do not fit.
    """
    weights: dict[str, Tensor] = {}
    config: TrainingConfig | None = None
    for path in paths:
        metadata, tensors = _read(path)
        if _CONFIG in metadata:
            config = _parse(metadata[_CONFIG], path)
        elif "architecture" in metadata and len(paths) == 1:
            return read_release(path)
        weights |= tensors
    names = ", ".join(map(str, paths))
    if config is None:
        raise ReleaseError(
            f"{names}: the metadata has neither a model's contract nor a run's configuration"
        )
    return _assemble(config, weights, provenance={"files": names}, origin=paths[0])


def contract_of(config: TrainingConfig, **values: Any) -> ModelContract:
    """Return the contract of a run's model.

    Args:
        config: configuration of the run.
        values: fields of the contract that are added or replaced.
    """
    preset = get_preset(config.preset, config.model)
    given: dict[str, Any] = {
        "name": config.name,
        "task": config.release.task,
        "version": config.release.version,
        "source": config.release.source,
        "architecture": config.preset,
        "scale": preset.upscale,
        "input_channels": preset.in_channels,
        "noise_level": config.data.noise_level_map,
        "output_channels": preset.out_channels,
        "tile": config.release.tile,
        "overlap": config.release.overlap,
        "size_multiple": preset.size_multiple,
        "sha256": _NO_FILE,
        "provenance": {},
        "quality": {},
    }
    return ModelContract(**{**given, **values})


def _assemble(
    config: TrainingConfig,
    weights: Mapping[str, Tensor],
    *,
    provenance: Mapping[str, str],
    origin: Path,
) -> Release:
    preset = get_preset(config.preset, config.model)
    model = preset.build()
    try:
        model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except RuntimeError as error:
        raise ReleaseError(f"{origin}: weights of another network: {error}") from error
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise ReleaseError(f"{origin}: holds weights that are not finite")
    # A changed preset may have larger windows than the tile of its task is a multiple of.
    tile = max(config.release.tile // preset.size_multiple, 1) * preset.size_multiple
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(weights[name].float().numpy().tobytes())
    contract = contract_of(config, tile=tile, sha256=digest.hexdigest(), provenance=provenance)
    return Release(model=model.eval().fuse(), contract=contract)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read a file's metadata, and those of its tensors that are averaged weights."""
    if not path.is_file():
        raise ReleaseError(f"{path} is not a file")
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(_AVERAGE)]  # noqa: SIM118
            tensors = {name.removeprefix(_AVERAGE): file.get_tensor(name) for name in names}
            return dict(file.metadata() or {}), with_current_parameter_names(tensors)
    except (SafetensorError, OSError) as error:
        raise ReleaseError(f"{path}: {error}") from error


def _parse(text: str, path: Path) -> TrainingConfig:
    try:
        return TrainingConfig.model_validate(with_current_names(yaml.safe_load(text)))
    except (yaml.YAMLError, ValidationError) as error:
        raise ReleaseError(f"{path}: its configuration cannot be read: {error}") from error
