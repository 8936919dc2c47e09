"""Starts a network from weights that another one learned."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hiir.evaluation.weights_file import WeightsFileError, read_weights
from hiir.models.architecture import ArchitectureConfig
from hiir.models.parameter_names import with_current_parameter_names
from hiir.models.release import list_releases, zoo_path
from hiir.training.config import ConfigError, TrainingConfig

__all__ = ["check_channels", "fit_weights", "start_from"]


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
        learned = with_current_parameter_names(read_weights(path))
    except WeightsFileError as error:
        raise ConfigError(f"init: {path} cannot be read: {error}") from error
    fitted = fit_weights(model, learned)
    if not fitted:
        raise ConfigError(f"init: {path} shares no tensor with this network")
    model.load_state_dict(fitted, strict=False)


def fit_weights(model: nn.Module, learned: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a network can take over of other weights.

    Tensors of the same name and shape; convolutions of the same name that read fewer channels, as
    those of a network without a noise level do: the channels that are new begin at zero.
    """
    fitted: dict[str, Tensor] = {}
    for name, own in model.state_dict().items():
        given = learned.get(name)
        if given is None:
            continue
        if given.shape == own.shape:
            fitted[name] = given
        elif name == "conv_first.weight" and _reads_more(own, given):
            fitted[name] = _with_new_channels(own, given)
    return fitted


def _reads_more(own: Tensor, given: Tensor) -> bool:
    same = own.shape[:1] + own.shape[2:] == given.shape[:1] + given.shape[2:]
    return same and own.ndim == 4 and own.shape[1] > given.shape[1]


def _with_new_channels(own: Tensor, given: Tensor) -> Tensor:
    """Channels lie folded: ``(stem * stem, C)``, a pixel of the stem after the other."""
    folded = _stem_pixels(own.shape[1], given.shape[1])
    out, height, width = own.shape[0], *own.shape[2:]
    rows = torch.zeros(out, folded, own.shape[1] // folded, height, width)
    learned = given.reshape(out, folded, given.shape[1] // folded, height, width)
    rows[:, :, : learned.shape[2]] = learned
    return rows.reshape(own.shape)


def _stem_pixels(own: int, given: int) -> int:
    """Pixels of the stem that both numbers of channels are multiples of: 4 with a stem of 2."""
    return next(n for n in (16, 9, 4, 1) if own % n == 0 and given % n == 0)


def check_channels(config: TrainingConfig, network: ArchitectureConfig) -> None:
    """Check that the data has the channels of a network.

    Raises:
        ConfigError: if its channels do not fit.
    """
    data = config.data
    channels = data.color.channels
    given = (channels * data.degradation.views + data.noise_level_map, channels)
    if given != (network.in_channels, network.out_channels):
        raise ConfigError(
            f"{config.name}: the data has {given[0]} channels in and {given[1]} out, "
            f"{config.preset} takes {network.in_channels} and gives {network.out_channels}"
        )
