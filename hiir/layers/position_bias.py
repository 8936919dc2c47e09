"""Continuous relative position bias over log-spaced coordinates.

Provenance: Swin Transformer V2 (log-spaced continuous position bias), as Hi-IR uses it: every
attention owns one, with 2 -> 512 -> heads weights (4,608 parameters at 6 heads).
"""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ContinuousPositionBias"]

_HIDDEN = 512
# Swin V2 spreads the coordinates over [-8, 8] before the logarithm and bounds the bias by
# 16 * sigmoid, so that an untrained network cannot saturate the softmax.
_COORDINATE_RANGE = 8.0
_BOUND = 16.0


class ContinuousPositionBias(nn.Module):
    """Bias of every query-key pair of a window, for each head.

    The bias depends on the weights alone, not on the input: :meth:`fuse` turns it into a
    constant for inference.
    """

    def __init__(self, *, height: int, width: int, heads: int) -> None:
        super().__init__()
        self.tokens = height * width
        self.hidden = nn.Linear(2, _HIDDEN)
        self.head = nn.Linear(_HIDDEN, heads, bias=False)
        device = self.hidden.weight.device
        coordinates, index = (t.to(device) for t in _relative_coordinates(height, width))
        # Derived from the window alone: kept out of checkpoints.
        self.register_buffer("coordinates", coordinates, persistent=False)
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("fused", None, persistent=False)
        self.coordinates: Tensor
        self.index: Tensor
        self.fused: Tensor | None

    def forward(self) -> Tensor:
        """Return the bias ``(heads, tokens, tokens)`` to add to the attention logits."""
        if self.fused is not None:
            return self.fused
        table = self.head(functional.relu(self.hidden(self.coordinates)))
        # Row by row of the transposed table: a gather of rows as short as there are heads, and its
        # gradient, take longer.
        table = (_BOUND * torch.sigmoid(table)).t()
        return table.index_select(1, self.index).view(-1, self.tokens, self.tokens)

    def fuse(self) -> None:
        """Compute the bias once from the current weights, and return this constant from then on."""
        with torch.no_grad():
            self.fused = None
            self.fused = self.forward().detach()

    def unfuse(self) -> None:
        """Undo :meth:`fuse`, for training."""
        self.fused = None


@cache
def _relative_coordinates(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Log-spaced offsets ``((2h-1) * (2w-1), 2)``, and the row index of each token pair.

    They are computed on the CPU whatever the default device is: a large network needs the same ones
    hundreds of times.
    """
    axes = [_log_spaced(height), _log_spaced(width)]
    offsets = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    rows, columns = torch.arange(height, device="cpu"), torch.arange(width, device="cpu")
    tokens = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).view(-1, 2)
    delta = tokens[:, None] - tokens[None, :]
    index = (delta[..., 0] + height - 1) * (2 * width - 1) + delta[..., 1] + width - 1
    return offsets.view(-1, 2), index.view(-1)


def _log_spaced(side: int) -> Tensor:
    """The offsets ``1 - side`` to ``side - 1``, spread over [-1, 1] by the logarithm."""
    offsets = torch.arange(-(side - 1), side, dtype=torch.float32, device="cpu")
    scaled = offsets / max(side - 1, 1) * _COORDINATE_RANGE
    most = torch.log2(torch.tensor(1.0 + _COORDINATE_RANGE, device="cpu"))
    return scaled.sign() * torch.log2(1.0 + scaled.abs()) / most
