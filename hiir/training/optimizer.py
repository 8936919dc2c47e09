"""What moves all weights of a network at once, and the state that a resumed run takes up."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hiir.training.config import OptimizerConfig, OptimizerKind
from hiir.training.flat_weights import FlatWeights

__all__ = ["FlatOptimizer"]

_NARROW = 16  # a matrix with a shorter side, as of a position bias, has no directions to balance


class FlatOptimizer:
    """Adam or AdamW of one flat tensor as one fused kernel; Muon moves the matrices in it.

    Muon replaces a matrix's averaged gradient by the nearest matrix whose singular values are all
    about 1, so that rare directions are learned as fast as common ones (Jordan et al., 2024), with
    steps as large as AdamW's, so that one learning rate suits both (Liu et al., "Muon is scalable
    for LLM training", 2025, section 2.2).
    """

    def __init__(self, config: OptimizerConfig, weights: FlatWeights) -> None:
        """Prepare to move weights by ``weights.values.grad``.

        Args:
            config: kind, moments and decay of the weights.
            weights: moved in place; the network sees it when they are published.
        """
        self._weights = weights
        kind = torch.optim.Adam if config.kind is OptimizerKind.ADAM else torch.optim.AdamW
        self._adam: torch.optim.Optimizer = kind(
            [weights.values],
            lr=config.lr,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._matrices: dict[str, nn.Parameter] = {}
        if config.kind is not OptimizerKind.MUON:
            return
        assert weights.values.grad is not None  # noqa: S101 - FlatWeights gave it one, for good
        gradients = weights.named(weights.values.grad)
        for name, part in weights.named(weights.values.detach()).items():
            if part.ndim == 2 and min(part.shape) >= _NARROW:
                self._matrices[name] = nn.Parameter(part)
                self._matrices[name].grad = gradients[name]
        self._muon = torch.optim.Muon(
            self._matrices.values(),
            lr=config.lr,
            momentum=config.betas[0],
            weight_decay=0,  # AdamW decays the matrices with all else
            adjust_lr_fn="match_rms_adamw",
        )

    def step(self, rate: float) -> None:
        """Move the weights with a learning rate; their gradients are spent."""
        if self._matrices:
            _step(self._muon, rate)
            self._muon.zero_grad(set_to_none=False)  # AdamW finds nothing to do but to decay them
        _step(self._adam, rate)

    def moments(self) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Averages of the gradients and of their squares by name; empty before the first step."""
        state = self._adam.state[self._weights.values]
        if not state:
            return {}, {}
        first = self._weights.named(state["exp_avg"])
        for name, matrix in self._matrices.items():
            first[name] = self._muon.state[matrix]["momentum_buffer"]
        return first, self._weights.named(state["exp_avg_sq"])

    def load(self, step: int, first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> None:
        """Take up a state that :meth:`moments` gave after ``step`` steps."""
        if not first:  # a run that ended before its first step has none
            return
        values = self._weights.values
        state = self._adam.state[values]
        state["step"] = torch.tensor(float(step), device=values.device)
        for key, named in (("exp_avg", first), ("exp_avg_sq", second)):
            state[key] = torch.zeros_like(values)
            self._weights.fill(state[key], named)
        averages = self._weights.named(state["exp_avg"])
        for name, matrix in self._matrices.items():
            self._muon.state[matrix]["momentum_buffer"] = averages[name].clone()
            averages[name].zero_()


def _step(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
