"""Exponential moving average of the weights."""

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """Averages a model's parameters; what is evaluated and shipped."""

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._parameters = dict(model.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self._parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the present weights; the first steps count for more.

        Args:
            step: optimizer steps taken, from 1 on.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            list(self.average.values()), list(self._parameters.values()), 1 - decay
        )

    def load(self, average: dict[str, Tensor]) -> None:
        """Go on from a saved average."""
        for name, value in self.average.items():
            value.copy_(average[name])

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Write the average into a model of the same architecture."""
        for name, parameter in model.named_parameters():
            parameter.copy_(self.average[name])
