"""Continuous relative position bias over log-spaced coordinates.

Provenance: Swin Transformer V2 (log-spaced continuous position bias), as Hi-IR uses it: every
attention owns one, with 2 -> 512 -> heads weights (4,608 parameters at 6 heads).
"""

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
    """Bias of every query-key pair of a square window, for each head.

    The bias depends on the weights alone, not on the input: :meth:`freeze` turns it into a
    constant for inference.
    """

    def __init__(self, *, window: int, heads: int) -> None:
        super().__init__()
        self.window = window
        self.hidden = nn.Linear(2, _HIDDEN)
        self.head = nn.Linear(_HIDDEN, heads, bias=False)
        coordinates, index = _relative_coordinates(window)
        # Derived from the window alone: kept out of checkpoints.
        self.register_buffer("coordinates", coordinates, persistent=False)
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("frozen", None, persistent=False)
        self.coordinates: Tensor
        self.index: Tensor
        self.frozen: Tensor | None

    def forward(self) -> Tensor:
        """Return the bias ``(heads, window**2, window**2)`` to add to the attention logits."""
        if self.frozen is not None:
            return self.frozen
        table = self.head(functional.relu(self.hidden(self.coordinates)))
        table = _BOUND * torch.sigmoid(table)
        tokens = self.window * self.window
        bias = table[self.index].view(tokens, tokens, -1)
        return bias.permute(2, 0, 1).contiguous()

    def freeze(self) -> None:
        """Compute the bias once from the present weights and return that constant from then on."""
        with torch.no_grad():
            self.frozen = None
            self.frozen = self.forward().detach()

    def thaw(self) -> None:
        """Let the weights decide again (training)."""
        self.frozen = None


def _relative_coordinates(window: int) -> tuple[Tensor, Tensor]:
    """Log-spaced offsets ``((2w-1)**2, 2)`` and, for each token pair, the row that it uses."""
    offsets = torch.arange(-(window - 1), window, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(offsets, offsets, indexing="ij"), dim=-1)
    scaled = grid / max(window - 1, 1) * _COORDINATE_RANGE
    log_spaced = (
        scaled.sign()
        * torch.log2(1.0 + scaled.abs())
        / torch.log2(torch.tensor(1.0 + _COORDINATE_RANGE))
    )
    position = torch.arange(window)
    tokens = torch.stack(torch.meshgrid(position, position, indexing="ij"), dim=-1).view(-1, 2)
    delta = tokens[:, None] - tokens[None, :] + (window - 1)
    index = delta[..., 0] * (2 * window - 1) + delta[..., 1]
    return log_spaced.view(-1, 2), index.view(-1)
