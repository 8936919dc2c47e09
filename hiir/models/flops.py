"""Parameters and multiply-accumulates of a network, counted on shapes alone.

The convention is fvcore's, which the paper's figures follow: one multiply-accumulate of a linear
layer, a convolution or an attention product counts one, a global average counts one per value, and
normalization, activations, additions and rearrangements count nothing. In it Base x4 makes 287.204
G at 128x128, where the paper prints 287.20.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from hiir.layers.hierarchical import build_layer
from hiir.layers.layer_config import LayerConfig
from hiir.layers.stage import Stage
from hiir.models.architecture import ArchitectureConfig

__all__ = ["Cost", "count_macs", "measure_cost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of a network."""

    parameters: int
    macs: int


def measure_cost(config: ArchitectureConfig, *, height: int, width: int) -> Cost:
    """Return the cost of one image of ``height x width`` input pixels, from the real modules.

    Nothing is stored or computed: the modules are on the device ``meta``. Equal layers with equal
    inputs are counted once and multiplied by their number.
    """
    with torch.device("meta"):
        model = config.build()
        image = torch.empty(1, config.in_channels, height, width)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    ledger: list[_Line] = []
    for stage in model.modules():
        if isinstance(stage, Stage):
            entries = (_Entry(stage.config, i, ledger) for i in range(len(stage.layers)))
            stage.layers = nn.Sequential(*entries)
    macs = count_macs(model, image)
    # Counted afterwards: a count inside a count would be counted twice.
    return Cost(parameters=parameters, macs=macs + sum(_layer_macs(*line) for line in ledger))


def count_macs(module: nn.Module, *inputs: Tensor) -> int:
    """Count the multiply-accumulates of a call; inputs and module may be on the device ``meta``."""
    averages = {torch.ops.aten.mean: _average_flops}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=averages) as counter:
        module(*inputs)
    return int(counter.get_total_flops()) // 2


_Line = tuple[LayerConfig, int, tuple[int, ...]]


class _Entry(nn.Module):
    """A placeholder for a layer, which records the shape of its input."""

    def __init__(self, config: LayerConfig, index: int, ledger: list[_Line]) -> None:
        super().__init__()
        self.config, self.index, self.ledger = config, index, ledger

    def forward(self, tokens: Tensor) -> Tensor:
        # Layers differ by their place only in v1, where L1 and L2 take turns.
        self.ledger.append((self.config, self.index % 2, tuple(tokens.shape)))
        return tokens


@cache
def _layer_macs(config: LayerConfig, index: int, shape: tuple[int, ...]) -> int:
    with torch.device("meta"):
        return count_macs(build_layer(config, index=index), torch.empty(shape))


def _average_flops(shape: tuple[int, ...], *_: Any, **__: Any) -> int:
    """Twice the values that are averaged: the counter's unit is half a multiply-accumulate."""
    return 2 * int(torch.Size(shape).numel())
