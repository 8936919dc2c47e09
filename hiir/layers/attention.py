"""Multi-head attention of one window, with half-width queries and keys.

Provenance: Hi-IR, section 3 (L1 and L2 information flow) and section 4 with Eq. 4-5 (dot product
against cosine similarity when the model is scaled up).
"""

from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiir.layers.position_bias import ContinuousPositionBias
from hiir.layers.windows import merge_windows, split_windows

__all__ = ["Similarity", "WindowAttention"]

# Swin V2 keeps the learned temperature of cosine attention at 0.01 or more.
_MAX_COSINE_SCALE = 100.0
_INITIAL_COSINE_SCALE = 10.0


class Similarity(StrEnum):
    """How a query is compared with a key."""

    DOT = "dot"
    COSINE = "cosine"


class WindowAttention(nn.Module):
    """``Linear(C -> C/2 + C/2 + C)``, then attention inside contiguous or dispersed windows.

    There is no output projection: in a v3 layer L2 reads the output of L1 directly, and one
    projection closes both.
    """

    def __init__(
        self,
        *,
        channels: int,
        heads: int,
        window: int,
        region: int,
        similarity: Similarity = Similarity.DOT,
        qk_ratio: float = 0.5,
    ) -> None:
        """Build the attention.

        Args:
            channels: C, divisible by ``heads``.
            heads: number of heads.
            window: tokens on a side of one window.
            region: tokens on a side of the area that a window spans (``window`` for L1).
            similarity: dot product or cosine.
            qk_ratio: width of q and of k as a share of C (v3: one half; v1, v2: whole).

        Raises:
            ValueError: when the widths do not divide.
        """
        super().__init__()
        self.qk_channels = int(channels * qk_ratio)
        if channels % heads or self.qk_channels % heads:
            raise ValueError(
                f"{channels} channels (q, k: {self.qk_channels}) do not divide into {heads} heads"
            )
        if region % window:
            raise ValueError(f"region {region} is no multiple of window {window}")
        self.channels = channels
        self.heads = heads
        self.window = window
        self.region = region
        self.similarity = similarity
        self.qkv = nn.Linear(channels, 2 * self.qk_channels + channels)
        self.position_bias = ContinuousPositionBias(window=window, heads=heads)
        initial = (
            (self.qk_channels // heads) ** -0.5
            if similarity is Similarity.DOT
            else _INITIAL_COSINE_SCALE
        )
        self.scale = nn.Parameter(torch.full((heads, 1, 1), initial))

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix ``(B, H, W, C)`` tokens, H and W multiples of the region, into the same shape."""
        _, height, width, _ = tokens.shape
        qkv = split_windows(self.qkv(tokens), window=self.window, region=self.region)
        q, k, v = torch.split(qkv, [self.qk_channels, self.qk_channels, self.channels], dim=-1)
        mixed = self._attend(self._heads(q), self._heads(k), self._heads(v))
        windows = mixed.transpose(1, 2).reshape(-1, self.window**2, self.channels)
        return merge_windows(
            windows, height=height, width=width, window=self.window, region=self.region
        )

    def _heads(self, tokens: Tensor) -> Tensor:
        n, t, c = tokens.shape
        return tokens.view(n, t, self.heads, c // self.heads).transpose(1, 2)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if self.similarity is Similarity.COSINE:
            q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
            scale = self.scale.clamp(max=_MAX_COSINE_SCALE)
        else:
            scale = self.scale
        logits = (q * scale) @ k.transpose(-2, -1) + self.position_bias()
        mixed: Tensor = logits.softmax(dim=-1) @ v
        return mixed
