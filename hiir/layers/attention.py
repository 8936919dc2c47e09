"""Multi-head window attention, whose queries and keys are narrower than the values.

Provenance: Hi-IR, section 3 (L1 and L2 information flow).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiir.layers.position_bias import ContinuousPositionBias
from hiir.layers.similarity import (
    Similarity,
    attend,
    attend_fused,
    scale_parameter,
    scaled_query_and_key,
)
from hiir.layers.windows import merge_windows, split_windows

__all__ = ["WindowAttention"]

_ALIGNMENT = 8


class WindowAttention(nn.Module):
    """``Linear(C -> Q + Q + C)``, then attention inside contiguous or dispersed windows.

    There is no output projection: in a v3 layer L2 reads the output of L1 directly, and both share
    one output projection.
    """

    def __init__(
        self,
        *,
        channels: int,
        heads: int,
        window: int,
        region: int,
        similarity: Similarity = Similarity.DOT,
        qk_channels: int | None = None,
    ) -> None:
        """Build the attention; `LayerConfig` checks the sizes.

        Args:
            channels: C, divisible by ``heads``.
            heads: number of heads.
            window: tokens on a side of one window.
            region: tokens on a side of the area that a window spans (``window`` for L1).
            similarity: dot product or cosine.
            qk_channels: Q, the width of q and of k, divisible by ``heads``; C / 2 by default.
        """
        super().__init__()
        self.qk_channels = channels // 2 if qk_channels is None else qk_channels
        self.channels = channels
        self.heads = heads
        self.window = window
        self.region = region
        self.similarity = similarity
        self.qkv = nn.Linear(channels, 2 * self.qk_channels + channels)
        self.position_bias = ContinuousPositionBias(height=window, width=window, heads=heads)
        self.scale = scale_parameter(
            similarity, heads=heads, head_channels=self.qk_channels // heads
        )
        self.register_buffer("fused_weight", None, persistent=False)
        self.register_buffer("fused_bias", None, persistent=False)
        self.fused_weight: Tensor | None
        self.fused_bias: Tensor | None

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix ``(B, H, W, C)`` tokens, H and W multiples of the region, into the same shape."""
        _, height, width, _ = tokens.shape
        windows = split_windows(tokens, window=self.window, region=self.region)
        return merge_windows(
            self.mix(windows), height=height, width=width, window=self.window, region=self.region
        )

    def mix(self, windows: Tensor) -> Tensor:
        """Mix ``(N, window**2, C)`` tokens of windows into the same shape.

        There are three implementations with the same result, each the fastest in its environment.
        """
        # An exported graph is fused by its own runtime, which has no use for the padding.
        if torch.onnx.is_in_onnx_export():
            return self._mix_as_written(windows)
        if self.fused_weight is not None:
            return self._mix_fused(windows, self.fused_weight)
        return self._mix_heads_apart(windows)

    def _mix_as_written(self, windows: Tensor) -> Tensor:
        n, t, _ = windows.shape
        qkv = functional.linear(windows, *self._projection())
        widths = [self.qk_channels, self.qk_channels, self.channels]
        q, k, v = (
            part.view(n, t, self.heads, -1).transpose(1, 2)
            for part in torch.split(qkv, widths, dim=-1)
        )
        q, k = self._scaled(q, k)
        mixed = attend(q, k, v, bias=self.position_bias())
        return mixed.transpose(1, 2).reshape(n, t, self.channels)

    def _mix_fused(self, windows: Tensor, weight: Tensor) -> Tensor:
        """Mix with the projection that `fuse` padded, for inference in torch."""
        n, t, _ = windows.shape
        qkv = functional.linear(windows, weight, self.fused_bias)
        q, k, v = qkv.view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = self._scaled(q, k)
        mixed = attend_fused(q, k, v, bias=self.position_bias())
        of_v = mixed[..., : self.channels // self.heads]
        return of_v.transpose(1, 2).reshape(n, t, self.channels)

    def _mix_heads_apart(self, windows: Tensor) -> Tensor:
        """Mix with each head copied separately, for training.

        Torch copies a permuted tensor of all heads in runs as short as the width of one head, in
        both passes.
        """
        of_qk, of_v = self.qk_channels // self.heads, self.channels // self.heads
        widths = [of_qk] * (2 * self.heads) + [of_v] * self.heads
        parts = torch.split(functional.linear(windows, *self._projection()), widths, dim=-1)
        q, k, v = (
            torch.stack(parts[i * self.heads : (i + 1) * self.heads], dim=1) for i in range(3)
        )
        q, k = self._scaled(q, k)
        return torch.cat(attend(q, k, v, bias=self.position_bias()).unbind(dim=1), dim=-1)

    def _scaled(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Return queries and keys whose products are the logits, including the scale."""
        if self.similarity is Similarity.DOT:
            return q, k
        return scaled_query_and_key(q, k, scale=self.scale, similarity=self.similarity)

    @torch.no_grad()
    def fuse(self) -> None:
        """Prepare for inference with the current weights: constant bias, fused attention.

        Torch's fused attention falls back to a slow path unless queries, keys and values are
        equally wide, and is fastest at a multiple of 8. Rows of zeros bring all three to one width,
        which changes no product.
        """
        self.position_bias.fuse()
        weight, bias = self._projection()
        q, k, v = (
            rows.view(self.heads, -1, self.channels + 1)
            for rows in torch.split(
                torch.cat((weight, bias[:, None]), dim=1),
                [self.qk_channels, self.qk_channels, self.channels],
            )
        )
        width = -(-v.shape[1] // _ALIGNMENT) * _ALIGNMENT
        padded = [functional.pad(rows, (0, 0, 0, width - rows.shape[1])) for rows in (q, k, v)]
        fused = torch.stack(padded).flatten(0, 2)
        self.fused_weight, self.fused_bias = fused[:, :-1].contiguous(), fused[:, -1].contiguous()

    def _projection(self) -> tuple[Tensor, Tensor]:
        """Weight ``(2 Q + C, C)`` and bias ``(2 Q + C,)`` of q, k and v.

        The scale of a dot product is folded into the rows of q, which are far fewer than the
        queries.
        """
        if self.similarity is Similarity.COSINE:
            return self.qkv.weight, self.qkv.bias
        of_q = self.scale[:, 0].expand(-1, self.qk_channels // self.heads).flatten()
        factors = functional.pad(of_q, (0, self.qk_channels + self.channels), value=1.0)
        return self.qkv.weight * factors[:, None], self.qkv.bias * factors

    def unfuse(self) -> None:
        """Undo :meth:`fuse`, for training."""
        self.position_bias.unfuse()
        self.fused_weight = self.fused_bias = None
