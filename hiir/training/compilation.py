"""Compilation of the network, or of its layers, by torch."""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hiir.layers.hierarchical import HierarchicalLayer, InterleavedLayer, SeparateLayer
from hiir.training.config import Compile

__all__ = ["compiled"]

_LAYERS = (HierarchicalLayer, InterleavedLayer, SeparateLayer)

logger = logging.getLogger(__name__)


def compiled(model: nn.Module, wanted: Compile, *, device: torch.device) -> nn.Module:
    """Compile the network, or its layers, at the first step; returns the callable to use.

    Nothing is compiled on a CPU: torch's compiler expects another memory layout of the gradient of
    replicate padding there, and it gained nothing before. Layers of one shape share their code:
    three shapes compile in half a minute, the whole network takes many minutes. If the compiler
    fails, for example because there is no C compiler, the network runs without compilation.
    """
    if wanted is Compile.NO or device.type == "cpu":
        return model
    if wanted is Compile.NETWORK:
        return _Compiled(model, [model])
    layers = [module for module in model.modules() if isinstance(module, _LAYERS)]
    return _Compiled(model, layers)


class _Compiled(nn.Module):
    """Calls a network whose parts are compiled; falls back to the uncompiled network."""

    def __init__(self, model: nn.Module, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self._model = [model]  # in a list, so that its parameters are not registered twice
        self._parts = list(parts)
        self._tried: set[torch.Size] = set()
        for part in parts:
            part.compile(dynamic=False)

    def forward(self, image: Tensor) -> Tensor:
        (model,) = self._model
        if self._parts and image.shape not in self._tried:
            self._try(model, image)
        restored: Tensor = model(image)
        return restored

    def _try(self, model: nn.Module, image: Tensor) -> None:
        """Compile both passes for this shape; the backward pass is compiled at its first run."""
        self._tried.add(image.shape)
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        try:
            torch.autograd.grad(model(image).float().sum(), weights, allow_unused=True)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a compiler fails in any way
            logger.warning("the network cannot be compiled and runs without compilation: %s", error)
            for part in self._parts:
                part._compiled_call_impl = None  # noqa: SLF001 - what Module.compile sets
            self._parts = []
