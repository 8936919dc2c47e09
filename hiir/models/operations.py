"""Multiply-accumulates of a network, counted while it runs on shapes alone.

The convention is fvcore's, which the paper's figures follow: one multiply-accumulate of a linear
layer, a convolution or an attention product counts one, a global average counts one per value, and
normalisation, activations, additions and rearrangements count nothing. In it Base x4 makes 287.204
G at 128x128, where the paper prints 287.20.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from hiir.models.architecture import ArchitectureConfig

__all__ = ["count_macs", "count_parameters", "model_macs"]


def model_macs(config: ArchitectureConfig, *, height: int, width: int) -> int:
    """Multiply-accumulates of one image of ``height x width`` input pixels; computes nothing."""
    with torch.device("meta"):
        return count_macs(config.build(), torch.empty(1, config.in_channels, height, width))


def count_macs(module: nn.Module, *inputs: Tensor) -> int:
    """Multiply-accumulates of one call; tensors and module may be on the device ``meta``."""
    averages = {torch.ops.aten.mean: _average_flops}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=averages) as counter:
        module(*inputs)
    return int(counter.get_total_flops()) // 2


def count_parameters(config: ArchitectureConfig) -> int:
    """Learned values of a network; none are stored for it."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in config.build().parameters())


def _average_flops(shape: tuple[int, ...], *_: Any, **__: Any) -> int:
    """Twice the values that are averaged: the counter's unit is half a multiply-accumulate."""
    return 2 * int(torch.Size(shape).numel())
