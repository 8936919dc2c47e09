"""Exponential moving average of the weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hiir.training.flat_weights import FlatWeights

__all__ = ["WeightAverage"]


class WeightAverage:
    """The average of a model's parameters, which is evaluated and released."""

    def __init__(self, weights: FlatWeights, *, decay: float) -> None:
        self._longest = decay
        self._weights = weights
        self._average = weights.values.detach().clone()
        # A tensor, so that a CUDA graph can replay the update with another one.
        self._share = torch.zeros((), device=self._average.device)

    def set_decay(self, step: int) -> None:
        """Set the decay of the next update; it is smaller at the start of a run.

        Args:
            step: number of optimizer steps, including the one that is averaged next; from 1 on.
        """
        self._share.fill_(1 - min(self._longest, (1 + step) / (10 + step)))

    @torch.no_grad()
    def update(self) -> None:
        """Update the average with the current weights."""
        self._average.lerp_(self._weights.values.detach(), self._share)

    @property
    def named(self) -> dict[str, Tensor]:
        """Return the average of each parameter by name."""
        return self._weights.named(self._average)

    def load(self, average: Mapping[str, Tensor]) -> None:
        """Continue from a saved average."""
        self._weights.fill(self._average, average)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Copy the average into a model of the same architecture."""
        named = self.named
        for name, parameter in model.named_parameters():
            parameter.copy_(named[name])
