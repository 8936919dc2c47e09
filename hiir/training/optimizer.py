"""The optimizer: updates all weights of a network at once, and holds the state to resume from."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hiir.training.config import OptimizerConfig, OptimizerKind
from hiir.training.flat_weights import FlatWeights
from hiir.training.muon import Muon

__all__ = ["FlatOptimizer"]

_NARROW = 16  # a matrix with a shorter side, as of a position bias, has no directions to balance


class FlatOptimizer:
    """Adam or AdamW for one flat tensor as one fused kernel; Muon for the matrices in it."""

    def __init__(self, config: OptimizerConfig, weights: FlatWeights) -> None:
        """Prepare to update weights by ``weights.values.grad``.

        Args:
            config: kind, momenta and weight decay.
            weights: weights, updated in place; the network uses them after they are published.
        """
        self._weights = weights
        values = weights.values
        # On a GPU the rate is a tensor, so that a CUDA graph can replay the step with another one.
        self._rate = torch.tensor(config.lr, device=values.device) if values.is_cuda else config.lr
        kind = torch.optim.Adam if config.kind is OptimizerKind.ADAM else torch.optim.AdamW
        self._adam: torch.optim.Optimizer = kind(
            [values],
            lr=self._rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=True,
            capturable=values.is_cuda,
        )
        self._muon: Muon | None = None
        self._matrices: tuple[str, ...] = ()
        if config.kind is OptimizerKind.MUON:
            self._momenta = torch.zeros_like(values.detach())
            self._muon = self._build_muon(config.betas[0])

    def _build_muon(self, momentum: float) -> Muon:
        values, gradient = self._weights.values.detach(), self._weights.values.grad
        assert gradient is not None  # noqa: S101 - FlatWeights gave it one, for good
        named = self._weights.named(values)
        self._matrices = tuple(
            name for name, part in named.items() if part.ndim == 2 and min(part.shape) >= _NARROW
        )
        gradients, momenta = self._weights.named(gradient), self._weights.named(self._momenta)
        self._gradients = [gradients[name] for name in self._matrices]
        return Muon(
            weights={name: named[name] for name in self._matrices},
            gradients={name: gradients[name] for name in self._matrices},
            momenta={name: momenta[name] for name in self._matrices},
            momentum=momentum,
        )

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next steps."""
        if isinstance(self._rate, Tensor):
            self._rate.fill_(rate)
        else:
            self._rate = rate
            for group in self._adam.param_groups:
                group["lr"] = rate

    @torch.no_grad()
    def step(self) -> None:
        """Update the weights and consume their gradients."""
        if self._muon is not None:
            self._muon.step(self._rate)
            # AdamW finds nothing to do with the matrices but to decay them.
            torch._foreach_zero_(self._gradients)
        self._adam.step()

    def moments(self) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Return the averages of the gradients and of their squares by name; initially empty."""
        state = self._adam.state[self._weights.values]
        if not state:
            return {}, {}
        first = self._weights.named(state["exp_avg"])
        if self._matrices:
            momenta = self._weights.named(self._momenta)
            first |= {name: momenta[name] for name in self._matrices}
        return first, self._weights.named(state["exp_avg_sq"])

    def load(self, step: int, first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> None:
        """Load the state that :meth:`moments` returned after ``step`` steps."""
        if not first:  # a run that ended before its first step has none
            return
        values = self._weights.values
        state = self._adam.state[values]
        state["step"] = torch.tensor(float(step), device=values.device)
        for key, named in (("exp_avg", first), ("exp_avg_sq", second)):
            state[key] = torch.zeros_like(values)
            self._weights.fill(state[key], named)
        if self._matrices:
            averages, momenta = (
                self._weights.named(flat) for flat in (state["exp_avg"], self._momenta)
            )
            for name in self._matrices:
                momenta[name].copy_(averages[name])
                averages[name].zero_()
