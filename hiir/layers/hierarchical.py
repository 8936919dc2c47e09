"""The Hi-IR layer, third and final version of the paper.

Provenance: Hi-IR, section 3 and Table 2 (v3: L1 and L2 in sequence inside one residual branch).
371,838 parameters at C = 180 and 6 heads; 302,988 without L3.
"""

from torch import Tensor, nn

from hiir.layers.attention import Similarity, WindowAttention
from hiir.layers.feedforward import LocalFeedForward, Mlp

__all__ = ["HierarchicalLayer"]


class HierarchicalLayer(nn.Module):
    """L1 inside a window, L2 across dispersed tokens of a region, then L3, on NHWC tokens."""

    def __init__(
        self,
        *,
        channels: int,
        heads: int,
        local_window: int,
        dispersed_window: int,
        region: int,
        similarity: Similarity = Similarity.DOT,
        with_l3: bool = True,
    ) -> None:
        """Build the layer.

        Args:
            channels: C.
            heads: attention heads of L1 and L2.
            local_window: tokens on a side of an L1 window.
            dispersed_window: tokens on a side of an L2 window.
            region: tokens on a side of the area that L2 spans (the paper's P).
            similarity: dot product or cosine, for both attentions.
            with_l3: L3, or the plain MLP of the paper's ablation.
        """
        super().__init__()
        self.norm_attention = nn.LayerNorm(channels)
        self.local = WindowAttention(
            channels=channels,
            heads=heads,
            window=local_window,
            region=local_window,
            similarity=similarity,
        )
        self.dispersed = WindowAttention(
            channels=channels,
            heads=heads,
            window=dispersed_window,
            region=region,
            similarity=similarity,
        )
        self.project = nn.Linear(channels, channels)
        self.norm_feedforward = nn.LayerNorm(channels)
        self.feedforward: nn.Module = (
            LocalFeedForward(channels=channels) if with_l3 else Mlp(channels=channels)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, H, W, C)``, H and W multiples of the region."""
        mixed = self.dispersed(self.local(self.norm_attention(tokens)))
        tokens = tokens + self.project(mixed)
        refined: Tensor = tokens + self.feedforward(self.norm_feedforward(tokens))
        return refined
