"""Simulation of a GPU's half precision on any machine.

Tensor cores multiply float16 values and add the products up in float32; layer norms and softmax
compute in float32 too. The limit is that the result of every operation is stored as float16, with
11 significant bits and nothing above 65,504. So the float32 module is run with its weights and the
result of each operation rounded to float16. Torch's own half precision on a CPU gives the same to a
tenth of a decibel and takes seven times as long; ONNX Runtime's CPU provider computes graphs in
half precision in float32, and cannot show an overflow.
"""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["HalfRun", "Peak", "run_in_half"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The largest magnitude among the results of all operations of a run."""

    value: float
    """Infinite if float16 overflowed, or if a value was NaN."""
    layer: str
    """Name of the innermost module, as in a state dictionary; empty for the model itself."""
    operation: str
    """Name in torch's ATen library, such as ``aten.addmm``."""

    def __str__(self) -> str:
        return f"{self.value:.4g} in {self.operation} of {self.layer or 'the model'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfRun:
    """The result of a simulated run."""

    output: Tensor
    """``(B, C', H', W')`` float32."""
    peak: Peak


@torch.no_grad()
def run_in_half(model: nn.Module, tiles: Tensor) -> HalfRun:
    """Run a float32 module as it would run in half precision.

    Args:
        model: float32 module in evaluation mode; it is unchanged.
        tiles: ``(B, C, H, W)`` float32 [0, 1].
    """
    rounded = copy.deepcopy(model)
    for tensor in (*rounded.parameters(), *rounded.buffers()):
        if tensor.is_floating_point():
            _round(tensor)
    precision = _HalfPrecision()
    # Not inference mode: there torch hands over composite operations undivided. Attention is
    # computed as an exported graph has it, with the logits stored.
    with precision.named(rounded), sdpa_kernel(SDPBackend.MATH), precision:
        output = rounded(tiles.half().float())
    return HalfRun(output=output, peak=precision.peak)


class _HalfPrecision(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Rounds the result of every operation to float16, and records the largest magnitude."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = Peak(value=0.0, layer="", operation="")
        self._layers = [""]

    @contextmanager
    def named(self, model: nn.Module) -> Iterator[None]:
        """Record which module of a model each operation belongs to."""

        def enter(name: str) -> Callable[..., None]:
            return lambda *_: self._layers.append(name)

        def leave(*_: object) -> None:
            self._layers.pop()

        hooks = [
            hook
            for name, module in model.named_modules()
            for hook in (
                module.register_forward_pre_hook(enter(name)),
                module.register_forward_hook(leave),
            )
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        result = func(*args, **(kwargs or {}))
        # Views hold what has been rounded, and memory that was never written is arbitrary.
        if func.is_view or "empty" in func.name():
            return result
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.is_floating_point() and tensor.numel():
                _round(tensor)
                self._compare(tensor, func)
        return result

    def _compare(self, tensor: Tensor, func: Any) -> None:
        low, high = (float(bound) for bound in torch.aminmax(tensor))
        largest = max(-low, high) if low <= high else math.inf  # NaN compares false
        if largest > self.peak.value:
            operation = str(func.overloadpacket)
            self.peak = Peak(value=largest, layer=self._layers[-1], operation=operation)


def _round(tensor: Tensor) -> None:
    tensor.copy_(tensor.half())
