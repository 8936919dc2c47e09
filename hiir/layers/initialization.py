"""Weight initializations of the paper's scaling-up study.

Provenance: Hi-IR, section 4.1 and Table 4. None of them cures a large model's convergence there;
warm-up, a light stage convolution and dot-product attention do.
"""

from collections.abc import Iterator
from enum import StrEnum

import torch
from torch import nn

from hiir.layers.hierarchical import HierarchicalLayer, InterleavedLayer, SeparateLayer
from hiir.layers.stage_convolution import StageConvolution

__all__ = ["Initialization", "initialize"]

_STD = 0.02
_RESIDUAL_RESCALE = 0.01
_WEIGHT_RESCALE = 0.1


class Initialization(StrEnum):
    """The four variants of Table 4."""

    ZERO_LAYERNORM = "zero-layernorm"
    """Gain and bias of the layers' LayerNorms start at 0, so that every branch starts without its
    input.
    """
    RESIDUAL_RESCALE = "residual-rescale"
    """The last weights of a layer's residual branch start 100 times smaller."""
    WEIGHT_RESCALE = "weight-rescale"
    """Linear and convolution weights inside residual branches start 10 times smaller."""
    TRUNC_NORMAL = "trunc-normal"
    """The truncated normal only."""


def initialize(model: nn.Module, kind: Initialization) -> None:
    """Initialize ``model`` in place.

    Linear layers start from a truncated normal of standard deviation 0.02 with zero bias,
    convolutions keep torch's default; then comes what ``kind`` says.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=_STD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    with torch.no_grad():
        for name, module in _residual_branches(model):
            match kind:
                case Initialization.ZERO_LAYERNORM if isinstance(module, nn.LayerNorm):
                    module.weight.zero_()
                    module.bias.zero_()
                case Initialization.RESIDUAL_RESCALE if isinstance(
                    module, nn.Linear
                ) and name.startswith("project"):
                    module.weight.mul_(_RESIDUAL_RESCALE)
                case Initialization.WEIGHT_RESCALE if isinstance(module, nn.Linear | nn.Conv2d):
                    module.weight.mul_(_WEIGHT_RESCALE)
                case _:
                    pass


def _residual_branches(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules inside layers and stage convolutions, each with its own last name."""
    branches = (HierarchicalLayer, InterleavedLayer, SeparateLayer, StageConvolution)
    for branch in model.modules():
        if isinstance(branch, branches):
            for name, module in branch.named_modules():
                yield name.rpartition(".")[2], module
