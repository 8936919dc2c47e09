"""All weights of a network in one tensor, so that each operation on them runs once.

A small network has hundreds of small parameters: casting, clipping, updating and averaging them one
by one costs more than the arithmetic itself. In half precision the network computes with a copy of
float32 weights, because small updates would be rounded away (Micikevicius et al., "Mixed precision
training", 2018, section 3.1).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, distributed, nn

from hiir.errors import HiirError

__all__ = ["FlatWeights", "WeightsMismatchError"]

_ALIGNMENT = 32  # elements between the starts of two parameters: a cache line of bfloat16


class WeightsMismatchError(HiirError):
    """The weights belong to another network; the message names the first difference."""


class FlatWeights:
    """A network's parameters and their gradients, as views of one tensor each."""

    def __init__(self, model: nn.Module, *, dtype: torch.dtype) -> None:
        """Replace a network's parameters by views; the network computes in ``dtype`` from now on.

        Args:
            model: float32 model, on its final device.
            dtype: float32, or bfloat16 to compute with a rounded copy of the weights.
        """
        self._places: dict[str, tuple[int, torch.Size]] = {}
        length = 0
        for name, parameter in model.named_parameters():
            self._places[name] = (length, parameter.shape)
            length += -(-parameter.numel() // _ALIGNMENT) * _ALIGNMENT
        device = next(model.parameters()).device
        self.values = nn.Parameter(torch.zeros(length, device=device))
        """``(n,)`` float32 weights, which the optimizer updates by their ``grad``."""
        self._whole = self.values.grad = torch.zeros_like(self.values)
        self.fill(self.values, dict(model.named_parameters()))
        model.to(dtype)
        half = dtype is not torch.float32
        self._working = self.values.detach().to(dtype)  # in float32 the weights themselves
        self._gradient = torch.zeros_like(self._working) if half else self._whole
        views, gradients = self.named(self._working), self.named(self._gradient)
        for name, parameter in model.named_parameters():
            parameter.data, parameter.grad = views[name], gradients[name]

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Split a tensor with the layout of :attr:`values` into parts, by parameter name."""
        return {
            name: flat[start : start + shape.numel()].view(shape)
            for name, (start, shape) in self._places.items()
        }

    @torch.no_grad()
    def fill(self, flat: Tensor, named: Mapping[str, Tensor]) -> None:
        """Fill a tensor with the layout of :attr:`values`: the inverse of :meth:`named`.

        The network uses the new values after the next :meth:`publish`.

        Raises:
            WeightsMismatchError: if the tensors are not those of this network.
        """
        parts = self.named(flat)
        _check_names(set(parts), set(named))
        for name, part in parts.items():
            if named[name].shape != part.shape:
                raise WeightsMismatchError(
                    f"{name} measures {tuple(named[name].shape)}, in this network it measures "
                    f"{tuple(part.shape)}"
                )
            part.copy_(named[name])

    @torch.no_grad()
    def collect(self) -> None:
        """Collect the accumulated gradients into ``values.grad``, averaged over all processes."""
        if self._gradient is not self._whole:
            self._whole.copy_(self._gradient)
        if distributed.is_initialized():
            # Not Fabric's, which waits for all processes first, and so for a GPU.
            distributed.all_reduce(self._whole)
            self._whole /= distributed.get_world_size()

    @torch.no_grad()
    def publish(self) -> None:
        """Copy the current weights to the network and reset the gradients."""
        self._gradient.zero_()
        if self._gradient is not self._whole:
            self._working.copy_(self.values)


def _check_names(own: set[str], given: set[str]) -> None:
    missing, unknown = sorted(own - given), sorted(given - own)
    if missing or unknown:
        raise WeightsMismatchError(
            f"the weights are of another network: {len(missing)} tensors are missing "
            f"({', '.join(missing[:3])} ...), {len(unknown)} are unknown "
            f"({', '.join(unknown[:3])} ...)"
        )
