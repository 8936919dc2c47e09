"""The third information flow (L3): a feed-forward network with local and global context.

Provenance: Hi-IR, section 3 (L3); the squeeze-excite is not named in the paper, but its published
parameter counts are met only with it.
"""

from torch import Tensor, nn
from torch.nn import functional

from hiir.layers.convolution import convolution3

__all__ = ["LocalFeedForward", "Mlp"]


class LocalFeedForward(nn.Module):
    """``1x1 C -> 2C``, GELU, depthwise 3x3, GELU, squeeze-excite, ``1x1 2C -> C``."""

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        hidden = 2 * channels
        self.expand = nn.Linear(channels, hidden)
        self.depthwise = convolution3(hidden, hidden, groups=hidden)
        self.squeeze = nn.Linear(hidden, channels // 2)
        self.excite = nn.Linear(channels // 2, hidden)
        self.project = nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, H, W, C)``; the squeeze-excite sees the whole plane."""
        hidden = functional.gelu(self.expand(tokens))
        # A permuted NHWC tensor is channels_last: the convolution copies nothing.
        hidden = functional.gelu(self.depthwise(hidden.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        gate = self.excite(
            functional.relu(self.squeeze(hidden.mean(dim=(1, 2), keepdim=True)))
        ).sigmoid()
        projected: Tensor = self.project(hidden * gate)
        return projected


class Mlp(nn.Module):
    """A two-layer network of ratio 2, which replaces L3 in the paper's ablation."""

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, 2 * channels)
        self.project = nn.Linear(2 * channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, H, W, C)`` to ``(B, H, W, C)``."""
        projected: Tensor = self.project(functional.gelu(self.expand(tokens)))
        return projected
