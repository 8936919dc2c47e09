"""Muon for all weight matrices of a flat tensor at once.

Muon replaces the averaged gradient of a matrix by the nearest matrix whose singular values are all
about 1, so that rare directions are learned as fast as common ones (Jordan et al., "Muon: an
optimizer for hidden layers in neural networks", 2024). Steps are scaled to the size of AdamW's, so
that one learning rate suits both (Liu et al., "Muon is scalable for LLM training", 2025, section
2.2).

torch.optim.Muon processes one matrix after the other: a hundred small matrices are 1,500 kernels,
which take a GPU longer than the network does. Here matrices of one shape share a batched product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Muon", "orthogonalize"]

# Coefficients of the quintic iteration, number of iterations and smallest norm: Jordan's.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_EPS = 1e-7
# Root mean square of AdamW's steps (Liu et al.).
_ADAMW_RMS = 0.2


@dataclass(frozen=True, slots=True)
class _Group:
    """Matrices of one shape: views of the weights, of their gradients and of their momentum."""

    weights: Sequence[Tensor]
    gradients: Sequence[Tensor]
    momenta: Sequence[Tensor]


class Muon:
    """Updates matrices, given as views of flat tensors, by Muon with Nesterov momentum."""

    def __init__(
        self,
        *,
        weights: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        momenta: Mapping[str, Tensor],
        momentum: float,
    ) -> None:
        """Group the matrices by their shape.

        Args:
            weights: ``(rows, columns)`` float32 each, updated in place.
            gradients: gradients with the same names and shapes, read at each step.
            momenta: averages of the gradients with the same names and shapes, updated in place.
            momentum: decay of the average per step, 0 to 1.
        """
        self._momentum = momentum
        by_shape: dict[torch.Size, list[str]] = {}
        for name, matrix in weights.items():
            by_shape.setdefault(matrix.shape, []).append(name)
        self._groups = [
            _Group(*([named[name] for name in names] for named in (weights, gradients, momenta)))
            for names in by_shape.values()
        ]

    @torch.no_grad()
    def step(self, rate: Tensor | float) -> None:
        """Update the matrices.

        Args:
            rate: learning rate; a tensor of one element if a CUDA graph replays the step.
        """
        for group in self._groups:
            gradient = torch.stack(list(group.gradients))
            average = torch.stack(list(group.momenta)).lerp_(gradient, 1 - self._momentum)
            torch._foreach_copy_(list(group.momenta), list(average.unbind()))
            ahead = gradient.lerp_(average, self._momentum)
            scale = _ADAMW_RMS * max(ahead.shape[1:]) ** 0.5
            change = orthogonalize(ahead).float() * (-scale * rate)
            torch._foreach_add_(list(group.weights), list(change.unbind()))


def orthogonalize(matrices: Tensor) -> Tensor:
    """Bring the singular values of each matrix near 1 by five Newton-Schulz iterations.

    Args:
        matrices: ``(n, rows, columns)`` float32.

    Returns:
        ``(n, rows, columns)`` bfloat16, with singular values from about 0.7 to 1.2.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.bfloat16()
    x = x.mT if tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=_EPS)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * (gram @ gram)) @ x
    near: Tensor = x.mT if tall else x
    return near
