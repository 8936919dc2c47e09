"""Every registered preset at a depth that tests can afford."""

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch

from hiir.models.architecture import ArchitectureConfig, RestorationModel
from hiir.models.columnar import ColumnarConfig
from hiir.models.presets import PRESETS

# At their initialization attention and bias are next to nothing, and no test would miss them.
_SCALE_UP = 6


def shrink(config: ArchitectureConfig) -> ArchitectureConfig:
    """The same widths, heads, layers and convolutions, only fewer layers and a smaller region.

    Repetition adds nothing to what is tested: a stage of two layers has both of v1's kinds.
    """
    if isinstance(config, ColumnarConfig):
        return replace(config, layers=(2,), region=2 * config.dispersed_window)
    once = (1,) * len(config.layers)
    return replace(config, layers=once, decoder_layers=once[1:])


# Presets that differ only in depth are the same network once shrunk, and are tested once.
_SHRUNK = {shrink(PRESETS[name]): name for name in sorted(PRESETS, reverse=True)}


@pytest.fixture(params=[pytest.param(config, id=name) for config, name in _SHRUNK.items()])
def preset(request: pytest.FixtureRequest) -> ArchitectureConfig:
    return request.param


def operators_of(config: ArchitectureConfig) -> tuple[object, ...]:
    """What decides a preset's operators: all but its scale and the channels of its images."""
    values = {f.name: getattr(config, f.name) for f in fields(config)}
    for name in ("in_channels", "out_channels", "scale"):
        values.pop(name, None)
    return type(config), *values.items()


# Half precision rounds in the operators, whatever the channels of the images are.
_OPERATORS = {operators_of(config): (config, name) for config, name in _SHRUNK.items()}


@pytest.fixture(params=[pytest.param(config, id=name) for config, name in _OPERATORS.values()])
def operators(request: pytest.FixtureRequest) -> ArchitectureConfig:
    return request.param


@pytest.fixture
def scale_up() -> Callable[[RestorationModel], RestorationModel]:
    """Make a model's attention matter, and fuse it for inference."""

    def scale(model: RestorationModel) -> RestorationModel:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                attention = {"local", "dispersed", "attention", "beyond"} & set(name.split("."))
                if attention and not name.endswith("scale"):
                    parameter.mul_(_SCALE_UP)
        return model.eval().fuse()

    return scale
