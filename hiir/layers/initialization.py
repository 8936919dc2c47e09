"""Weight initialisations of the paper's scaling-up study.

Provenance: Hi-IR, section 4 and Table 4.
"""

from enum import StrEnum

import torch
from torch import nn

__all__ = ["Initialization", "initialize"]

_STD = 0.02
_RESIDUAL_RESCALE = 0.01
_WEIGHT_RESCALE = 0.1


class Initialization(StrEnum):
    """The four variants of Table 4."""

    ZERO_LAYERNORM = "zero-layernorm"
    RESIDUAL_RESCALE = "residual-rescale"
    WEIGHT_RESCALE = "weight-rescale"
    TRUNC_NORMAL = "trunc-normal"


def initialize(model: nn.Module, kind: Initialization) -> None:
    """Initialise ``model`` in place.

    Linear layers start from a truncated normal of standard deviation 0.02 with zero bias;
    convolutions keep torch's default. On top of it: ``zero-layernorm`` zeroes the LayerNorm gains
    of residual branches, ``residual-rescale`` multiplies the weights that close a residual branch
    by 0.01, ``weight-rescale`` multiplies all linear and convolution weights by 0.1.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=_STD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    with torch.no_grad():
        for name, module in model.named_modules():
            match kind:
                case Initialization.ZERO_LAYERNORM if isinstance(module, nn.LayerNorm):
                    module.weight.zero_()
                case Initialization.RESIDUAL_RESCALE if (
                    isinstance(module, nn.Linear) and name.rpartition(".")[2] == "project"
                ):
                    module.weight.mul_(_RESIDUAL_RESCALE)
                case Initialization.WEIGHT_RESCALE if isinstance(module, nn.Linear | nn.Conv2d):
                    module.weight.mul_(_WEIGHT_RESCALE)
                case _:
                    pass
