"""Initialization of a network from the weights of another one."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hiir.evaluation.weights_file import WeightsFileError, read_weights
from hiir.models.architecture import ArchitectureConfig
from hiir.models.parameter_names import with_current_parameter_names
from hiir.models.release import list_releases, zoo_path
from hiir.training.checkpoint import CheckpointError, read_checkpoint
from hiir.training.config import ConfigError, TrainingConfig

__all__ = ["check_channels", "fit_weights", "start_from"]


def start_from(model: nn.Module, name: str, *, folder: Path | None = None) -> None:
    """Copy the weights that fit; tensors of another shape keep their initialization.

    Args:
        model: model, changed in place.
        name: name of a shipped model, path of its file, or folder of a run, whose averaged weights
            are used.
        folder: folder that a relative path may refer to, besides the working directory.

    Raises:
        ConfigError: if the weights cannot be read, or share no tensor with this network.
    """
    path = zoo_path(name) if name in list_releases() else Path(name)
    if not path.exists() and folder is not None:
        # Also where the folder itself does not exist yet.
        path = Path(os.path.normpath(folder / name))
    fitted = fit_weights(model, with_current_parameter_names(_learned(path)))
    if not fitted:
        raise ConfigError(f"init: {path} shares no tensor with this network")
    model.load_state_dict(fitted, strict=False)


def _learned(path: Path) -> Mapping[str, Tensor]:
    try:
        if not path.is_dir():
            return read_weights(path)
        checkpoint = read_checkpoint(path)
    except (WeightsFileError, CheckpointError) as error:
        raise ConfigError(f"init: {path} cannot be read: {error}") from error
    if checkpoint is None:
        raise ConfigError(f"init: {path} has no checkpoint")
    return checkpoint.average


def fit_weights(model: nn.Module, learned: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that a network can adopt from other weights.

    These are tensors of the same name and shape, and the first and last convolution of a network
    with other channels, converted so that both networks compute the same at first: a gray image is
    a color image with three equal channels, both views of a dual-pixel sensor are the same image,
    and a new noise level input has no effect.
    """
    fitted: dict[str, Tensor] = {}
    for name, own in model.state_dict().items():
        given = learned.get(name)
        if given is None:
            continue
        if given.shape == own.shape:
            fitted[name] = given
        elif name == "conv_first.weight":
            fitted |= _named(name, _fit_inputs(own, given))
        elif name in {"conv_last.weight", "conv_last.bias"}:
            fitted |= _named(name, _fit_outputs(own, given))
    return fitted


def _named(name: str, tensor: Tensor | None) -> dict[str, Tensor]:
    return {} if tensor is None else {name: tensor}


def _fit_inputs(own: Tensor, given: Tensor) -> Tensor | None:
    """Convert ``(out, pixels * channels, H, W)``; a stem folds adjacent pixels into channels."""
    if own.shape[:1] + own.shape[2:] != given.shape[:1] + given.shape[2:]:
        return None
    pixels = _stem_pixels(own.shape[1], given.shape[1])
    if pixels is None:
        return None
    own_channels, channels = own.shape[1] // pixels, given.shape[1] // pixels
    rows = given.reshape(given.shape[0], pixels, channels, *given.shape[2:])
    (image, has_level), (own_image, takes_level) = _LAYOUTS[channels], _LAYOUTS[own_channels]
    weights = rows[:, :, :image]
    if own_image < image:  # gray of color
        weights = weights.sum(dim=2, keepdim=True)
    elif own_image > image:  # two views of one
        weights = torch.cat([weights, weights], dim=2) / 2
    if takes_level:
        level = rows[:, :, image:] if has_level else torch.zeros_like(weights[:, :, :1])
        weights = torch.cat([weights, level], dim=2)
    return weights.reshape(own.shape) if weights.shape[2] == own_channels else None


_LAYOUTS = {1: (1, False), 2: (1, True), 3: (3, False), 4: (3, True), 6: (6, False)}
"""Image channels, and whether a noise level follows, by the number of channels."""


def _stem_pixels(own: int, given: int) -> int | None:
    """Return the number of pixels that a stem folds, such as 4, if both counts are known."""
    for pixels in (1, 4, 9, 16):
        if {own / pixels, given / pixels} <= _LAYOUTS.keys():
            return pixels
    return None


def _fit_outputs(own: Tensor, given: Tensor) -> Tensor | None:
    """Convert weights ``(pixels * channels, ...)``; gray is the mean of the three channels."""
    if given.shape == (3 * own.shape[0], *own.shape[1:]):
        return given.reshape(own.shape[0], 3, *own.shape[1:]).mean(dim=1)
    return None


def check_channels(config: TrainingConfig, network: ArchitectureConfig) -> None:
    """Check that the channels of the data match those of a network.

    Raises:
        ConfigError: if they do not.
    """
    data = config.data
    channels = data.color.channels
    given = (channels * data.degradation.views + data.noise_level_map, channels)
    if given != (network.in_channels, network.out_channels):
        raise ConfigError(
            f"{config.name}: the data has {given[0]} channels in and {given[1]} out, "
            f"{config.preset} takes {network.in_channels} and gives {network.out_channels}"
        )
