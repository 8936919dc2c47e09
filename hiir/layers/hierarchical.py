"""The Hi-IR layer: its final version (v3), the deeper tree (v4), and the two that came before.

Provenance: Hi-IR, section 3, section 5.1 and Figure 5. Parameters at C = 180 and 6 heads: 334,644
(v1), 469,938 (v2), 371,838 (v3); 68,850 fewer without L3.
"""

from torch import Tensor, nn

from hiir.layers.attention import WindowAttention
from hiir.layers.axial import AxialAttention
from hiir.layers.feedforward import LocalFeedForward, Mlp
from hiir.layers.layer_config import LayerConfig, LayerVersion

__all__ = ["HierarchicalLayer", "InterleavedLayer", "SeparateLayer", "build_layer"]


def build_layer(config: LayerConfig, *, index: int) -> nn.Module:
    """Build the layer at an index of its stage, counted from 0; v1 alternates between L1 and L2."""
    match config.version:
        case LayerVersion.V1:
            return InterleavedLayer(config, dispersed=index % 2 == 1)
        case LayerVersion.V2:
            return SeparateLayer(config)
        case LayerVersion.V3 | LayerVersion.V4:
            return HierarchicalLayer(config)


class HierarchicalLayer(nn.Module):
    """v3 and v4: L1, L2 (and a flow beyond) inside one residual, then L3, on NHWC tokens."""

    def __init__(self, config: LayerConfig) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(config.channels)
        self.local = _attention(config, dispersed=False)
        self.dispersed = _attention(config, dispersed=True)
        self.beyond: nn.Module = (
            AxialAttention(
                channels=config.channels,
                heads=config.heads,
                length=config.beyond,
                similarity=config.similarity,
            )
            if config.version is LayerVersion.V4
            else nn.Identity()
        )
        self.project = nn.Linear(config.channels, config.channels)
        self.norm_feedforward = nn.LayerNorm(config.channels)
        self.feedforward = _feedforward(config)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, H, W, C)``, H and W multiples of the region."""
        mixed = self.beyond(self.dispersed(self.local(self.norm_attention(tokens))))
        tokens = tokens + self.project(mixed)
        refined: Tensor = tokens + self.feedforward(self.norm_feedforward(tokens))
        return refined


class InterleavedLayer(nn.Module):
    """v1: one attention of full width, L1 or L2, then L3."""

    def __init__(self, config: LayerConfig, *, dispersed: bool) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(config.channels)
        self.attention = _attention(config, dispersed=dispersed)
        self.project = nn.Linear(config.channels, config.channels)
        self.norm_feedforward = nn.LayerNorm(config.channels)
        self.feedforward = _feedforward(config)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, H, W, C)``, H and W multiples of the region."""
        tokens = tokens + self.project(self.attention(self.norm_attention(tokens)))
        refined: Tensor = tokens + self.feedforward(self.norm_feedforward(tokens))
        return refined


class SeparateLayer(nn.Module):
    """v2: L1 and L2 at full width, each with its own norm, projection and residual, then L3."""

    def __init__(self, config: LayerConfig) -> None:
        super().__init__()
        self.norm_local = nn.LayerNorm(config.channels)
        self.local = _attention(config, dispersed=False)
        self.project_local = nn.Linear(config.channels, config.channels)
        self.norm_dispersed = nn.LayerNorm(config.channels)
        self.dispersed = _attention(config, dispersed=True)
        self.project_dispersed = nn.Linear(config.channels, config.channels)
        self.norm_feedforward = nn.LayerNorm(config.channels)
        self.feedforward = _feedforward(config)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, H, W, C)``, H and W multiples of the region."""
        tokens = tokens + self.project_local(self.local(self.norm_local(tokens)))
        tokens = tokens + self.project_dispersed(self.dispersed(self.norm_dispersed(tokens)))
        refined: Tensor = tokens + self.feedforward(self.norm_feedforward(tokens))
        return refined


def _attention(config: LayerConfig, *, dispersed: bool) -> WindowAttention:
    return WindowAttention(
        channels=config.channels,
        heads=config.heads,
        window=config.dispersed_window if dispersed else config.local_window,
        region=config.region if dispersed else config.local_window,
        similarity=config.similarity,
        qk_channels=config.qk_channels,
    )


def _feedforward(config: LayerConfig) -> nn.Module:
    block = LocalFeedForward if config.with_l3 else Mlp
    return block(channels=config.channels)
