"""Exponential moving average of the weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hiir.training.flat_weights import FlatWeights

__all__ = ["WeightAverage"]


class WeightAverage:
    """Averages a model's parameters; what is evaluated and shipped."""

    def __init__(self, weights: FlatWeights, *, decay: float) -> None:
        self._longest = decay
        self._weights = weights
        self._average = weights.values.detach().clone()
        # A tensor, so that a CUDA graph can replay the update with another one.
        self._share = torch.zeros((), device=self._average.device)

    def set_decay(self, step: int) -> None:
        """Set the decay of the next update; the first steps of a run count for more.

        Args:
            step: optimizer steps taken with the one that is averaged next, from 1 on.
        """
        self._share.fill_(1 - min(self._longest, (1 + step) / (10 + step)))

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the present weights."""
        self._average.lerp_(self._weights.values.detach(), self._share)

    @property
    def named(self) -> dict[str, Tensor]:
        """The average of each parameter."""
        return self._weights.named(self._average)

    def load(self, average: Mapping[str, Tensor]) -> None:
        """Go on from a saved average."""
        self._weights.fill(self._average, average)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Write the average into a model of the same architecture."""
        named = self.named
        for name, parameter in model.named_parameters():
            parameter.copy_(named[name])
