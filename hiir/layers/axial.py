"""A flow beyond L2 (v4): attention along rows, then columns, over twice the region.

Provenance: the v4 of Hi-IR's Table 7, "an information flow attention beyond L2". The paper does not
describe it, and its two counts contradict each other: 17.19 M at x2 leaves 41,595 to 41,873
parameters a layer, 17.35 M at x4 leaves 41,936 to 42,214, while the layers are the same. This
implementation is our own: 41,808 a layer at C = 180 and 6 heads, which gives 17.19 M at x2 and
17.34 M at x4.
"""

import torch
from torch import Tensor, nn

from hiir.layers.position_bias import ContinuousPositionBias
from hiir.layers.similarity import (
    Similarity,
    attend,
    attend_fused,
    scale_parameter,
    scaled_query_and_key,
)

__all__ = ["AxialAttention"]


class AxialAttention(nn.Module):
    """One ``Linear(C -> C)`` whose output is query, key and value of strips in both directions.

    A strip is one token high and ``length`` tokens long. Rows first, then columns: together they
    carry information across ``length x length`` tokens at a cost linear in the image.
    """

    def __init__(self, *, channels: int, heads: int, length: int, similarity: Similarity) -> None:
        super().__init__()
        self.channels = channels
        self.heads = heads
        self.length = length
        self.similarity = similarity
        self.shared = nn.Linear(channels, channels)
        width = channels // heads
        self.row_bias = ContinuousPositionBias(height=1, width=length, heads=heads)
        self.row_scale = scale_parameter(similarity, heads=heads, head_channels=width)
        self.column_bias = ContinuousPositionBias(height=length, width=1, heads=heads)
        self.column_scale = scale_parameter(similarity, heads=heads, head_channels=width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix ``(B, H, W, C)`` tokens, H and W multiples of the length, into the same shape."""
        mixed = self._mix(self.shared(tokens), self.row_scale, self.row_bias)
        turned = self._mix(mixed.transpose(1, 2), self.column_scale, self.column_bias)
        return turned.transpose(1, 2)

    def _mix(self, tokens: Tensor, scale: Tensor, bias: ContinuousPositionBias) -> Tensor:
        """Attention inside strips of the third dimension of ``(B, H, W, C)``."""
        strips = tokens.reshape(-1, self.length, self.heads, self.channels // self.heads)
        v = strips.transpose(1, 2)
        q, k = scaled_query_and_key(v, v, scale=scale, similarity=self.similarity)
        fused = bias.fused is not None and not torch.onnx.is_in_onnx_export()
        mixed = (attend_fused if fused else attend)(q, k, v, bias=bias())
        return mixed.transpose(1, 2).reshape(tokens.shape)

    def fuse(self) -> None:
        """Prepare for inference with the current weights: constant biases, fused attention."""
        self.row_bias.fuse()
        self.column_bias.fuse()

    def unfuse(self) -> None:
        """Undo :meth:`fuse`, for training."""
        self.row_bias.unfuse()
        self.column_bias.unfuse()
