"""What a run begins with: learned weights and the compiled network."""

from pathlib import Path
from typing import cast

import torch
from torch import nn

from hiir.evaluation.weights_file import WeightsFileError, read_weights
from hiir.models.release import list_releases, zoo_path
from hiir.training.config import Compile, ConfigError, TrainingConfig

__all__ = ["check_channels", "compiled", "start_from"]

_COMPILE_MODES = {Compile.DEFAULT: "default", Compile.CUDA_GRAPHS: "reduce-overhead"}


def compiled(model: nn.Module, wanted: Compile, *, device: torch.device) -> nn.Module:
    """The network as it is trained.

    A CPU compiles nothing: torch's compiler mistakes the layout of a repeated border's gradient
    there, and gained nothing before. Each size of patch is compiled for itself, which takes seconds
    where one graph for all sizes takes many minutes.
    """
    mode = _COMPILE_MODES.get(wanted)
    if mode is None or device.type == "cpu":
        return model
    return cast("nn.Module", torch.compile(model, mode=mode, dynamic=False))


def start_from(model: nn.Module, name: str) -> None:
    """Copy what has the same name and shape; a stem or tail of other channels starts afresh.

    Args:
        model: to be changed.
        name: of a shipped model, or the path of its file.

    Raises:
        ConfigError: for what cannot be read, or shares nothing with this network.
    """
    path = zoo_path(name) if name in list_releases() else Path(name)
    try:
        learned = read_weights(path)
    except WeightsFileError as error:
        raise ConfigError(f"init: {path} cannot be read: {error}") from error
    own = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in learned.items()
        if name in own and own[name].shape == tensor.shape
    }
    if not fitting:
        raise ConfigError(f"init: {path} shares no tensor with this network")
    model.load_state_dict(fitting, strict=False)


def check_channels(config: TrainingConfig, inputs: int, outputs: int) -> None:
    """Hold the data against a network that takes and gives so many channels.

    Raises:
        ConfigError: if they do not fit.
    """
    data = config.data
    given = (data.colour.channels * data.degradation.views, data.colour.channels)
    if given != (inputs, outputs):
        raise ConfigError(
            f"{config.name}: the data has {given[0]} channels in and {given[1]} out, "
            f"{config.preset} takes {inputs} and gives {outputs}"
        )
